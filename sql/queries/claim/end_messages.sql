-- End messages without sending them.
-- $1 ids, $2 terminal status, $3 reason.
-- The caller has locked the rows. They are found by primary key.
update smsgw.outbox as o
set terminal_status = $2::smsgw.terminal_status, reason = $3, final_at = clock_timestamp()
where o.id = any($1::bigint[]) and o.terminal_status is null
returning o.lane;
