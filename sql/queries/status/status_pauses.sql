-- Pauses in force. Reads a handful of rows; locks nothing.
select p.scope, p.subject, p.reason, p.actor, p.paused_at, p.expires_at
from smsgw.active_pause as p
order by p.scope, p.subject;
