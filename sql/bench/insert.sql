-- Insert a message as an application does. $1 number, $2 body, $3 reference.
insert into smsgw.outbox (to_number, body, reference) values ($1, $2, $3);
