-- The least that a finish can be. $1 ids, found by primary key.
update bench.bare as b
set state = 2
where b.id = any($1::bigint[]);
