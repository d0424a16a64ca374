-- Delete requests, with their attempts, that have no message left.
-- $1 ids; this transaction has locked them.
-- A statement of its own, so that it sees the messages deleted. Primary keys.
with deleted as (
    delete from smsgw.request as q
    where
        q.id = any($1::uuid[])
        and not exists (select from smsgw.outbox as o where o.id = any(q.members))
    returning q.id
),

attempts as (
    delete from smsgw.attempt as a
    using deleted
    where a.request_id = deleted.id
)

select deleted.id from deleted;
