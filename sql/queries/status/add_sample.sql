-- Store a sample, once for each five seconds. A second one changes nothing.
-- $1 waiting messages by lane, $2 age of the oldest by lane, $3 used share of the limiter by bucket.
-- Messages sent in the five seconds before are counted over that range of request's primary key. Locks its own row only.
with bin as (
    select date_bin('5 seconds', clock_timestamp(), timestamptz 'epoch') as at
),

sent as (
    select r.lane, sum(cardinality(r.members)) as messages
    from bin as b
    inner join smsgw.request as r
        on r.id >= smsgw.min_request_id_at(b.at - interval '5 seconds') and r.id < smsgw.min_request_id_at(b.at)
    group by r.lane
)

insert into smsgw.sample (at, waiting, oldest, sent, limiter)
select b.at, $1::jsonb, $2::jsonb, coalesce((select jsonb_object_agg(s.lane, s.messages) from sent as s), '{}'), $3::jsonb
from bin as b
on conflict (at) do nothing;
