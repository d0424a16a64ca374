-- Ids of messages of a reference, newest first. $1 below which, $2 from which on, $3 how many, $4 the reference.
-- Served by outbox_reference; the materialized step keeps the planner from walking the primary key instead.
with named as materialized (
    select o.id
    from smsgw.outbox as o
    where o.reference = $4
)

select named.id
from named
where named.id < $1 and named.id >= $2
order by named.id desc
limit $3;
