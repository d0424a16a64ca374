-- Return the active pauses.
-- Reads a few rows. Locks nothing.
select p.scope, p.subject, p.reason, p.actor, p.paused_at, p.expires_at
from smsgw.active_pause as p
order by p.scope, p.subject;
