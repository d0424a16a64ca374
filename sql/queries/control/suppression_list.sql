-- Suppressed numbers in their own order, from one on. $1 number to start above, $2 how many. By primary key.
select s.number, s.created_at, s.source, s.reason
from smsgw.suppression as s
where s.number > $1
order by s.number
limit $2;
