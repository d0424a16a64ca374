-- Nothing but an answer: its time is the distance of the database.
select;
