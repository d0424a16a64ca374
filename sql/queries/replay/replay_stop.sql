-- Stop a replay for good, or let it go on. $1 id, $2 stopped. Waits for a batch that is under way.
update smsgw.replay as r
set stopped = $2
where r.id = $1 and r.finished_at is null
returning *;
