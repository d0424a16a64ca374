-- Whether another gateway holds the doorbell exclusively, rather than inserting transactions holding it shared.
-- $1, $2 the advisory lock. Reads the lock table only.
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
