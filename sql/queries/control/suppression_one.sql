-- Whether a number is suppressed. $1 number. By primary key; locks nothing.
select s.number, s.created_at, s.source, s.reason
from smsgw.suppression as s
where s.number = $1;
