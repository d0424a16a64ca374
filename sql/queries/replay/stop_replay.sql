-- Stop or resume a replay.
-- $1 id, $2 whether it is stopped.
-- Primary key. Waits for a batch that is in progress.
update smsgw.replay as r
set stopped = $2
where r.id = $1 and r.finished_at is null
returning *;
