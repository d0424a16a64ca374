-- Return suppressed numbers in their order.
-- $1 above this number, $2 limit.
-- Primary key. Locks nothing.
select s.number, s.created_at, s.source, s.reason
from smsgw.suppression as s
where s.number > $1
order by s.number
limit $2;
