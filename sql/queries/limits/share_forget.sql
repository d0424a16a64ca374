-- Forget the shares of tenants that were not served for so long. $1 lane and $2 tenant after which to look, $3 how many rows
-- to look at, $4 seconds. What is forgotten counts from nothing, and so at the most a thousand parts (LAG in
-- gateway/domain/fair_share.py) in its owner's favour: once in that time.
-- Served by the primary key, a stretch at a time; steps over rows that a claim is writing, so it waits for nobody.
-- Answers with the last row looked at, and how many rows those were.
with looked as (
    select s.lane, s.tenant
    from smsgw.fair_share as s
    where (s.lane, s.tenant) > ($1::text, $2::text)
    order by s.lane, s.tenant
    limit $3
),

old as (
    select s.lane, s.tenant
    from smsgw.fair_share as s
    inner join looked as l on s.lane = l.lane and s.tenant = l.tenant
    where s.tenant <> '*' and s.last_served_at < now() - make_interval(secs => $4::double precision)
    for update of s skip locked
),

gone as (
    delete from smsgw.fair_share as s
    using old
    where s.lane = old.lane and s.tenant = old.tenant
)

select l.lane, l.tenant, count(*) over () as looked
from looked as l
order by l.lane desc, l.tenant desc
limit 1;
