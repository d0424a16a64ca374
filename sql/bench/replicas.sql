-- How many processes have made themselves known.
select count(*)::integer from smsgw.replica;
