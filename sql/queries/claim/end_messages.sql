-- Take messages off the table unsent. $1 ids, $2 how they end, $3 why. The rows are locked by the caller.
update smsgw.outbox as o
set terminal_status = $2::smsgw.terminal_status, reason = $3, final_at = clock_timestamp()
where o.id = any($1::bigint[]) and o.terminal_status is null
returning o.lane;
