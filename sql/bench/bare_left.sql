-- Rows that the bare claim has not finished.
select count(*)::bigint from bench.bare as b where b.state <> 2;
