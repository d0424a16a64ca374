-- Delete final states that were published long ago.
-- $1 age in days, $2 limit.
-- Reads the low end of the primary key. Locks the rows that it deletes.
delete from smsgw.final_feed as f
where
    f.position in (select old.position from smsgw.final_feed as old order by old.position limit $2)
    and f.published_at < clock_timestamp() - make_interval(days => $1)
returning f.position;
