-- Counts statements by their text, for the queries a message costs.
create extension if not exists pg_stat_statements schema public;
