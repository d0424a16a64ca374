-- The least that a claim can be. $1 how many, $2 token. Served by bare_waiting; steps over locked rows.
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
