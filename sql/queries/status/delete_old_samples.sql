-- Delete samples above an age, at most a thousand at a time.
-- $1 age in seconds.
-- Reads the low end of the primary key. Locks the rows that it deletes.
delete from smsgw.sample as s
where s.at in (
    select old.at
    from smsgw.sample as old
    where old.at < clock_timestamp() - make_interval(secs => $1)
    order by old.at
    limit 1000
);
