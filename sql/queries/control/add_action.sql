-- Add a line to the log of operator actions.
-- $1 actor, $2 action, $3 reason, $4 detail, $5 message ids.
insert into smsgw.operator_action (actor, action, reason, detail, message_ids)
values ($1, $2, $3, $4, $5);
