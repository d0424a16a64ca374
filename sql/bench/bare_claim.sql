-- The smallest possible claim. $1 limit, $2 token. Index: bare_waiting. Skips locked rows.
update bench.bare as b
set state = 1, token = $2
where b.id = any(array(
    select w.id
    from bench.bare as w
    where w.state = 0
    order by w.id
    limit $1
    for update skip locked
))
returning b.id;
