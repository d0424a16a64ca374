-- Create or change a lane. Null keeps a value, or takes the default for a new lane.
-- $1 name, $2 urgent, $3 weight, $4 ttl in seconds, $5 coalesce, $6 on_uncertain, $7 max_attempts, $8 cap_percent,
-- $9 reserve_percent.
-- Locks the one row. Every claim reads the lanes again, so the next claim uses the new values.
insert into smsgw.lane as l (name, urgent, weight, ttl, coalesce, on_uncertain, max_attempts, cap_percent, reserve_percent)
values (
    $1,
    coalesce($2, false),
    coalesce($3, 1),
    make_interval(secs => coalesce($4, 86400)),
    coalesce($5, true),
    coalesce($6, 'hold'),
    coalesce($7, 12),
    coalesce($8, 100),
    coalesce($9, 0)
)
on conflict (name) do update
set
    urgent = coalesce($2, l.urgent),
    weight = coalesce($3, l.weight),
    ttl = coalesce(make_interval(secs => $4), l.ttl),
    coalesce = coalesce($5, l.coalesce),
    on_uncertain = coalesce($6, l.on_uncertain),
    max_attempts = coalesce($7, l.max_attempts),
    cap_percent = coalesce($8, l.cap_percent),
    reserve_percent = coalesce($9, l.reserve_percent)
returning l.*, xmax = 0 as made;
