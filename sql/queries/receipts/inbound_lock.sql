-- Wait for everybody who reads a reply from this number right now, and have others wait. $1 number. An advisory lock to
-- the end of the transaction: a STOP and a START that are folded side by side must see each other.
select pg_advisory_xact_lock(hashtextextended($1, 0));
