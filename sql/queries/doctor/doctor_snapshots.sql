-- Return what holds the oldest snapshots of the cluster, oldest first. Dead rows after a snapshot cannot be removed.
-- A role without pg_read_all_stats sees only its own sessions. Reads statistics.
select
    found.holder,
    found.age,
    found.seconds
from (
    select
        'session ' || a.pid || ' (' || concat_ws(', ', nullif(a.application_name, ''), a.usename::text, a.state) || ')' as holder,
        greatest(age(a.backend_xmin), age(a.backend_xid)) as age,
        extract(epoch from clock_timestamp() - a.xact_start)::double precision as seconds
    from pg_stat_activity as a
    where (a.backend_xmin is not null or a.backend_xid is not null) and a.pid <> pg_backend_pid()
    union all
    select
        'prepared transaction ' || p.gid,
        age(p.transaction),
        extract(epoch from clock_timestamp() - p.prepared)::double precision
    from pg_prepared_xacts as p
    union all
    select
        'replication slot ' || s.slot_name || case when s.active then '' else ' (inactive)' end,
        greatest(age(s.xmin), age(s.catalog_xmin)),
        null
    from pg_replication_slots as s
    where s.xmin is not null or s.catalog_xmin is not null
) as found
order by found.seconds desc nulls last, found.age desc
limit 5;
