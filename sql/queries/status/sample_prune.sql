-- Forget samples older than $1 seconds, at most a thousand at a time. By primary key from its low end.
delete from smsgw.sample as s
where s.at in (
    select old.at
    from smsgw.sample as old
    where old.at < clock_timestamp() - make_interval(secs => $1)
    order by old.at
    limit 1000
);
