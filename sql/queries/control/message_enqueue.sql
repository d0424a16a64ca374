-- Put a message in, as an application does. $1 to $18 are the arguments of smsgw.enqueue in their own order; null where
-- the caller names none, for which the intake has the same defaults. The outbox's own indexes serve its checks.
select smsgw.enqueue(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18
);
