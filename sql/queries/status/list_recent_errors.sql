-- Count recent attempts that were not accepted, by outcome, status and error.
-- $1 number of attempts to read, $2 maximum age in seconds.
-- Reads the primary key backwards; request ids are in the order of time. Locks nothing.
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
