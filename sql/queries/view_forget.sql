-- Forget a named search. $1 name. Locks its own row.
delete from smsgw.saved_view as v
where v.name = $1
returning v.name;
