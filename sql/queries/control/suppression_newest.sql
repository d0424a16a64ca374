-- Suppressed numbers, the newest first, from below a time on. $1 the time or null, $2 how many. By suppression_created;
-- locks nothing. Times are taken row by row, so no two of a batch share one.
select s.number, s.created_at, s.source, s.reason
from smsgw.suppression as s
where s.created_at < coalesce($1::timestamptz, 'infinity')
order by s.created_at desc
limit $2;
