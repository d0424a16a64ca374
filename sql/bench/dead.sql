-- Live and dead tuples of the tables that every message writes, and how often autovacuum has been there.
select
    sum(t.n_live_tup)::double precision as live,
    sum(t.n_dead_tup)::double precision as dead,
    (sum(t.n_dead_tup) / greatest(sum(t.n_live_tup), 1))::double precision as dead_share,
    sum(t.autovacuum_count)::double precision as autovacuums,
    sum(pg_total_relation_size(t.relid))::double precision as bytes
from pg_stat_user_tables as t
where t.schemaname = 'smsgw' and t.relname in ('outbox', 'request', 'attempt');
