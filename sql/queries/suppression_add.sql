-- Write to this number no more. $1 number, $2 source, $3 reason. Returns a row where that is new.
insert into smsgw.suppression (number, source, reason)
values ($1, $2, $3)
on conflict (number) do nothing
returning number;
