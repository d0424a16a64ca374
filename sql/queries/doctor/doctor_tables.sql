-- Return live and dead rows of the tables that are written most.
-- Reads statistics only.
select
    s.relname as name,
    s.n_live_tup as live,
    s.n_dead_tup as dead,
    extract(epoch from clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum))::double precision as vacuumed_ago
from pg_stat_user_tables as s
where
    s.schemaname = 'smsgw'
    and s.relname in ('outbox', 'request', 'attempt', 'receipt', 'bucket', 'route', 'fair_share', 'replica', 'final_state_pending')
order by s.relname;
