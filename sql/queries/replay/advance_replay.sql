-- Store the progress of a replay, in the transaction of the batch.
-- $1 id, $2 below this id it continues, $3 released, $4 repeated, $5 resent, $6 left out, $7 whether it is finished.
-- This transaction has locked the row. Primary key.
update smsgw.replay as r
set
    below = $2,
    replayed = r.replayed + $3,
    same_id = r.same_id + $4,
    resent = r.resent + $5,
    left_out = r.left_out + $6,
    moved_at = clock_timestamp(),
    finished_at = case when $7 then clock_timestamp() end
where r.id = $1
returning *;
