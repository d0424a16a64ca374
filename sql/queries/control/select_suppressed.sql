-- Select the suppressed ones of these numbers.
-- $1 numbers.
-- Primary key. Locks nothing.
select s.number
from smsgw.suppression as s
where s.number = any($1::text[]);
