-- Forget what was counted by text.
select public.pg_stat_statements_reset();
