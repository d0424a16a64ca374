-- Give a search a name, or the name another search. $1 name, $2 filters, $3 by whom. Locks its own row.
insert into smsgw.saved_view (name, filters, made_by)
values ($1, $2::jsonb, $3)
on conflict (name) do update
set filters = excluded.filters, made_by = excluded.made_by, made_at = clock_timestamp();
