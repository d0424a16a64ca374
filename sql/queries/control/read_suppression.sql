-- Return the suppression of a number.
-- $1 number.
-- Primary key. Locks nothing.
select s.number, s.created_at, s.source, s.reason
from smsgw.suppression as s
where s.number = $1;
