-- Publish final states: give each the next position of the feed.
-- $1 limit.
-- The caller holds the feed's advisory lock until its commit, so positions become visible in their order. Reads
-- final_state_pending from its beginning; it is short because this query empties it.
with pending as (
    delete from smsgw.final_state_pending as n
    where n.id in (select f.id from smsgw.final_state_pending as f order by f.id limit $1)
    returning n.id, n.message_id, n.state, n.reason, n.final_at
),

published as (
    insert into smsgw.final_feed (message_id, state, reason, final_at)
    select pending.message_id, pending.state, pending.reason, pending.final_at
    from pending
    order by pending.id
    returning message_id
)

select count(*) as published
from published;
