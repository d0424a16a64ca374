-- The smallest possible completion. $1 ids. Primary key.
update bench.bare as b
set state = 2
where b.id = any($1::bigint[]);
