-- Delete the row of a worker that stops.
-- $1 worker.
-- Locks one row, by primary key.
delete from smsgw.replica as r
where r.worker = $1;
