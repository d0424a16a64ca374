-- Forget what was counted by text.
select pg_stat_statements_reset();
