-- Let a scope go on. $1 scope, $2 subject, $3 only a pause that this actor made, or null for any.
delete from smsgw.pause as p
where p.scope = $1 and p.subject = $2 and ($3::text is null or p.actor = $3)
returning p.reason;
