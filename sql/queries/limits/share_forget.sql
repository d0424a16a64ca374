-- Delete the fair shares of tenants that were not served for a while. A deleted tenant starts again at zero, which favours
-- it by at most LAG parts (gateway/domain/fair_share.py).
-- $1 lane and $2 tenant after which to begin, $3 number of rows to read, $4 idle time in seconds.
-- Returns the last row that was read, and how many were read.
-- Primary key, a part of the table at a time. Skips rows that a claim holds.
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

deleted as (
    delete from smsgw.fair_share as s
    using old
    where s.lane = old.lane and s.tenant = old.tenant
)

select l.lane, l.tenant, count(*) over () as looked
from looked as l
order by l.lane desc, l.tenant desc
limit 1;
