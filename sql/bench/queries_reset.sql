-- Reset the counts of statements.
select public.pg_stat_statements_reset();
