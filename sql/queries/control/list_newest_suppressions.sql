-- Return suppressed numbers, newest first.
-- $1 before this time or null, $2 limit.
-- Index: suppression_created. Locks nothing. Each row has its own time, so none is skipped between two pages.
select s.number, s.created_at, s.source, s.reason
from smsgw.suppression as s
where s.created_at < coalesce($1::timestamptz, 'infinity')
order by s.created_at desc
limit $2;
