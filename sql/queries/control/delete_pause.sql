-- End a pause.
-- $1 scope, $2 subject, $3 only if this actor made it, or null for any.
-- Returns its reason. Locks the one row, by primary key.
delete from smsgw.pause as p
where p.scope = $1 and p.subject = $2 and ($3::text is null or p.actor = $3)
returning p.reason;
