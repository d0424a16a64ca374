-- Forget final states that were placed long ago, a bounded number at a time. $1 days, $2 how many. From the low end of
-- the primary key.
delete from smsgw.final_feed as f
where
    f.position in (select old.position from smsgw.final_feed as old order by old.position limit $2)
    and f.published_at < clock_timestamp() - make_interval(days => $1)
returning f.position;
