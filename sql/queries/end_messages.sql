-- Take messages off the table unsent. $1 ids, $2 how they end, $3 why. The rows are locked by the caller.
update smsgw.outbox as o
set ending = $2::smsgw.ending, reason = $3, final_at = clock_timestamp()
where o.id = any($1::bigint[]) and o.ending is null
returning o.lane;
