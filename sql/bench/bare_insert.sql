-- Insert a row without our triggers, checks and indexes. $1 number, $2 body, $3 reference.
insert into bench.bare_rows (to_number, body, reference) values ($1, $2, $3);
