-- Arm the doorbell if no session has, and tell whether inserts ring.
-- $1, $2 the key of the advisory lock.
-- armed: this session holds the lock from here on. held_by_peer: another session holds it or waits for it exclusively,
-- and inserts ring. not_armed: inserts do not ring, because open transactions hold the lock shared.
-- Waits for nothing. The shared lock of the second try, which is what an insert tries, ends with this statement.
select
    case
        when pg_try_advisory_lock($1, $2) then 'armed'
        when pg_try_advisory_xact_lock_shared($1, $2) then 'not_armed'
        else 'held_by_peer'
    end;
