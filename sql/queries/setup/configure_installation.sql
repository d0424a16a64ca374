-- Store the settings that queries and views need. Writes only a change.
-- $1 seconds after which an accepted message without a final receipt is unconfirmed, $2 idempotency horizon in seconds.
-- Locks the one row.
update smsgw.installation as i
set
    unconfirmed_after = make_interval(secs => $1::double precision),
    horizon = make_interval(secs => $2::double precision)
where
    (i.unconfirmed_after, i.horizon)
    is distinct from (make_interval(secs => $1::double precision), make_interval(secs => $2::double precision));
