-- Write to these numbers no more. $1 numbers, $2 source, $3 reason. Sorted, so that two imports of the same numbers
-- never wait for each other in a circle. Returns those that are new.
insert into smsgw.suppression (number, source, reason)
select n.number, $2, $3
from unnest($1::text[]) as n (number)
group by n.number
order by n.number
on conflict (number) do nothing
returning number;
