-- Fold again everything since a time. $1 the time. A scan of the journal from its end; for a person, not for a timer.
update smsgw.receipt as r
set folded_at = null
where r.received_at >= $1
returning r.id;
