-- Return live and dead rows of the tables that every message writes, and how often autovacuum ran.
select
    sum(t.n_live_tup)::double precision as live,
    sum(t.n_dead_tup)::double precision as dead,
    (sum(t.n_dead_tup) / greatest(sum(t.n_live_tup), 1))::double precision as dead_share,
    sum(t.n_dead_tup) filter (where t.relname = 'outbox')::double precision as dead_outbox,
    sum(t.n_dead_tup) filter (where t.relname = 'request')::double precision as dead_request,
    sum(t.n_dead_tup) filter (where t.relname = 'attempt')::double precision as dead_attempt,
    sum(t.autovacuum_count)::double precision as autovacuums,
    sum(pg_total_relation_size(t.relid))::double precision as bytes
from pg_stat_user_tables as t
where t.schemaname = 'smsgw' and t.relname in ('outbox', 'request', 'attempt');
