-- Give final states their place in the feed, a bounded number at a time. $1 how many.
-- Runs under the feed's advisory lock until its commit, so that places become visible in their own order; reads
-- final_state_pending from its beginning, which is short, because this empties it.
with news as (
    delete from smsgw.final_state_pending as n
    where n.id in (select f.id from smsgw.final_state_pending as f order by f.id limit $1)
    returning n.id, n.message_id, n.state, n.reason, n.final_at
),

placed as (
    insert into smsgw.final_feed (message_id, state, reason, final_at)
    select news.message_id, news.state, news.reason, news.final_at
    from news
    order by news.id
    returning message_id
)

select count(*) as placed
from placed;
