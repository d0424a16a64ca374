-- Take the advisory lock of a phone number until the transaction ends. A STOP and a START that are applied at the same
-- time must see each other.
-- $1 number.
select pg_advisory_xact_lock(hashtextextended($1, 0));
