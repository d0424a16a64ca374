-- Insert a row for the bare claim. $1 number.
insert into bench.bare (to_number, body, reference) values ($1, 'a lone one', 'order_0');
