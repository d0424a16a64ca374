-- What the database must know of the settings. $1 seconds after which an accepted message without a final receipt is
-- called unconfirmed, $2 seconds for which the provider is trusted to remember a request id. Writes only a change.
update smsgw.installation as i
set
    unconfirmed_after = make_interval(secs => $1::double precision),
    horizon = make_interval(secs => $2::double precision)
where
    (i.unconfirmed_after, i.horizon)
    is distinct from (make_interval(secs => $1::double precision), make_interval(secs => $2::double precision));
