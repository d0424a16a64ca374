-- Make the row of a route, where there is none. $1 route.
insert into smsgw.route (name)
values ($1)
on conflict (name) do nothing;
