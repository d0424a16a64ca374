-- Count statements by their text, to know the queries of a message.
create extension if not exists pg_stat_statements schema public;
