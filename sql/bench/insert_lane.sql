-- Insert one message of a lane. $1 number, $2 body, $3 lane.
insert into smsgw.outbox (to_number, body, lane) values ($1, $2, $3);
