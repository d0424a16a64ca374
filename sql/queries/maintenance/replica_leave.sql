-- This process ends on purpose. $1 worker.
delete from smsgw.replica as r
where r.worker = $1;
