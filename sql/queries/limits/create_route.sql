-- Create the row of a route, if there is none.
-- $1 route.
insert into smsgw.route (name)
values ($1)
on conflict (name) do nothing;
