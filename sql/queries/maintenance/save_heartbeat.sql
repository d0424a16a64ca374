-- Store the heartbeat of a worker, and delete the replicas that have been silent for an hour.
-- $1 worker, $2 host, $3 pid, $4 version, $5 components.
-- Reads the whole table, which has a few rows. Locks its own row and those that it deletes.
with silent as (
    delete from smsgw.replica as r
    where r.seen_at < clock_timestamp() - interval '1 hour' and r.worker <> $1
)

insert into smsgw.replica (worker, host, pid, version, components)
values ($1, $2, $3, $4, $5)
on conflict (worker) do update set seen_at = clock_timestamp();
