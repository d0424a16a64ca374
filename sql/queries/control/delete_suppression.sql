-- End the suppression of a number.
-- $1 number.
-- Returns a row if it was suppressed. Locks the one row, by primary key.
delete from smsgw.suppression as s
where s.number = $1
returning s.number;
