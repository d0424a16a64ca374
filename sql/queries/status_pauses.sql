-- Pauses in force. Reads a handful of rows; locks nothing.
select p.scope, p.subject, p.reason, p.actor, p.paused_at, p.expires_at
from smsgw.pause as p
where p.expires_at is null or p.expires_at > clock_timestamp()
order by p.scope, p.subject;
