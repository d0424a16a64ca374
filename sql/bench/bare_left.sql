-- Rows that the bare claim has not finished.
select count(*)::bigint from bare as b where b.state <> 2;
