-- Count the statements since the last reset, without those of this session. Statements inside functions and triggers
-- are not counted, because they cost no round trip.
select coalesce(sum(s.calls), 0)::bigint
from public.pg_stat_statements as s
where
    s.dbid = (select d.oid from pg_database as d where d.datname = current_database())
    and s.toplevel
    and s.query not like '%pg_stat_%';
