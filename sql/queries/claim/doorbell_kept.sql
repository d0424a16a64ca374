-- Tell whether another gateway holds the doorbell's lock exclusively. Transactions that insert hold it shared.
-- $1, $2 the key of the advisory lock.
-- Reads pg_locks only; locks nothing.
select exists(
    select
    from pg_locks as l
    where
        l.locktype = 'advisory'
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
        and l.classid = $1::integer::oid
        and l.objid = $2::integer::oid
        and l.mode = 'ExclusiveLock'
        and l.granted
);
