-- Suppress numbers.
-- $1 numbers, $2 source, $3 reason.
-- Returns the numbers that are new. Sorted, so two imports of the same numbers cannot deadlock.
insert into smsgw.suppression (number, source, reason)
select n.number, $2, $3
from unnest($1::text[]) as n (number)
group by n.number
order by n.number
on conflict (number) do nothing
returning number;
