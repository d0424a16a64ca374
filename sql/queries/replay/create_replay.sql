-- Create a replay; nothing is sent yet.
-- $1 below this id, $2 planned messages, $3 new time to live in seconds or null, $4 whether duplicates are allowed,
-- $5 actor, $6 reason, $7 filters.
insert into smsgw.replay (below, planned, new_ttl, allow_duplicates, actor, reason, filters)
values ($1, $2, $3, $4, $5, $6, $7)
returning *;
