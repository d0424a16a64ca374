-- Return what this database has done so far. Reads statistics views only. Locks nothing.
select
    (select d.xact_commit from pg_stat_database as d where d.datname = current_database()) as commits,
    (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint as wal,
    coalesce(sum(t.n_tup_ins), 0)::bigint as inserts,
    coalesce(sum(t.n_tup_upd), 0)::bigint as updates,
    coalesce(sum(t.n_tup_hot_upd), 0)::bigint as hot,
    coalesce(sum(t.n_tup_del), 0)::bigint as deletes,
    coalesce(sum(t.n_dead_tup), 0)::bigint as dead
from pg_stat_user_tables as t;
