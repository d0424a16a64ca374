-- Bind messages to the request that `receipts_fill` created. $1 request, $2 messages.
update smsgw.outbox as o
set request_id = $1, parts = 1
where o.id = any($2::bigint[]);
