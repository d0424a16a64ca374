-- Wait until every transaction that inserted without ringing has ended, or until lock_timeout. Meanwhile inserts ring,
-- because Postgres lets no try pass a session that waits for the lock.
-- Holds the doorbell's advisory lock only until this statement ends. The handler keeps an error out of the server's log.
do $$
begin
    perform pg_advisory_xact_lock(1936552807, 1);
exception when lock_not_available then
    null;
end
$$;
