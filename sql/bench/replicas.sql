-- Count the processes that sent a heartbeat.
select count(*)::integer from smsgw.replica;
