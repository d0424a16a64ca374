-- $1 seconds after which an accepted message without a final receipt is called unconfirmed. Writes only a change.
update smsgw.installation as i
set unconfirmed_after = make_interval(secs => $1::double precision)
where i.unconfirmed_after <> make_interval(secs => $1::double precision);
