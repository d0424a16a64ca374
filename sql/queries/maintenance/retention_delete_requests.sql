-- Forget requests, with their attempts, none of whose messages is there any more. $1 ids, locked by this transaction; a
-- statement of its own, so that it sees the messages gone. Primary keys.
with gone as (
    delete from smsgw.request as q
    where
        q.id = any($1::uuid[])
        and not exists (select from smsgw.outbox as o where o.id = any(q.members))
    returning q.id
),

attempts as (
    delete from smsgw.attempt as a
    using gone
    where a.request_id = gone.id
)

select gone.id from gone;
