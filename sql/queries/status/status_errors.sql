-- What went wrong lately: the last attempts of the last requests that were made, by what became of them; accepted ones
-- are left out. $1 how many attempts are looked at, $2 seconds. Walks the primary key backwards: request ids are made in
-- the order of time. Locks nothing.
select
    a.outcome,
    a.http_status as status,
    a.error,
    count(*)::integer as attempts,
    max(a.finished_at) as last_at
from (
    select l.outcome, l.http_status, l.error, l.finished_at
    from smsgw.attempt as l
    order by l.request_id desc, l.number desc
    limit $1
) as a
where
    a.outcome not in ('accepted', 'duplicate')
    and a.finished_at > clock_timestamp() - make_interval(secs => $2::double precision)
group by a.outcome, a.http_status, a.error
order by max(a.finished_at) desc;
