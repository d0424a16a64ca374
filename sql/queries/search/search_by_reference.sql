-- Search the messages with a reference, newest first.
-- $1 below this id, $2 from this id on, $3 limit, $4 reference.
-- Index: outbox_reference. The materialized step stops the planner from reading the primary key instead. Locks nothing.
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
