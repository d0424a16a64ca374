-- Begin a replay. $1 below which id, $2 planned, $3 seconds of a new time to live or null, $4 whether copies are allowed,
-- $5 actor, $6 reason, $7 filters.
insert into smsgw.replay (below, planned, new_ttl, allow_duplicates, actor, reason, filters)
values ($1, $2, $3, $4, $5, $6, $7)
returning *;
