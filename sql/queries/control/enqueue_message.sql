-- Insert a message as an application does.
-- $1 to $18 are the arguments of smsgw.enqueue in their order. Null takes the default.
-- The indexes of the outbox serve its checks.
select smsgw.enqueue(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18
);
