-- Count the rows that the bare claim has not completed.
select count(*)::bigint from bench.bare as b where b.state <> 2;
