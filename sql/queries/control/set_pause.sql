-- Pause a scope. An active pause keeps its first reason, which says when and why the problem began.
-- $1 scope, $2 subject, $3 actor, $4 reason, $5 seconds until it ends by itself or null.
-- Returns a row if the pause is new. Locks the one row, by primary key.
insert into smsgw.pause (scope, subject, actor, reason, expires_at)
values ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5::double precision))
on conflict (scope, subject) do update
set actor = excluded.actor, reason = excluded.reason, paused_at = excluded.paused_at, expires_at = excluded.expires_at
where pause.expires_at <= clock_timestamp()
returning true as made;
