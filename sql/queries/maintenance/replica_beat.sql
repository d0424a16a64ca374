-- Say that this process lives, and forget those silent for an hour.
-- $1 worker, $2 host, $3 pid, $4 version, $5 components.
with silent as (
    delete from smsgw.replica as r
    where r.seen_at < clock_timestamp() - interval '1 hour' and r.worker <> $1
)

insert into smsgw.replica (worker, host, pid, version, components)
values ($1, $2, $3, $4, $5)
on conflict (worker) do update set seen_at = clock_timestamp();
