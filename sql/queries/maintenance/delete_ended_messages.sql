-- Delete messages, their receipts and their group deliveries.
-- $1 ids; this transaction has locked them.
-- Index: primary keys and receipt_message.
with receipts as (
    delete from smsgw.receipt as r
    where r.message_id = any($1::bigint[])
),

groups as (
    delete from smsgw.group_delivery as g
    where g.message_id = any($1::bigint[])
)

delete from smsgw.outbox as o
where o.id = any($1::bigint[])
returning o.id;
