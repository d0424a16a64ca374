-- Which of these numbers are suppressed. $1 numbers. By primary key.
select s.number
from smsgw.suppression as s
where s.number = any($1::text[]);
