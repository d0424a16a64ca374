-- Return the results of the messages of each past half hour, newest last.
-- $1 number of half hours, $2 requests to read of each, $3 messages to read of each request.
-- An estimate if there are more. The chance of a request to be drawn grows with its size, so each message has about the
-- same chance. Reads at most 4,000 requests of each half hour, and $2 times $3 messages, by primary key. Locks nothing.
with cohort as (
    select
        c.begun,
        smsgw.min_request_id_at(c.begun) as low,
        smsgw.min_request_id_at(c.begun + interval '30 minutes') as high
    from
        generate_series(
            date_bin('30 minutes', clock_timestamp(), timestamptz 'epoch') - ($1 - 1) * interval '30 minutes',
            date_bin('30 minutes', clock_timestamp(), timestamptz 'epoch'),
            interval '30 minutes'
        ) as c (begun)
),

drawn as (
    select
        c.begun,
        picked.*
    from cohort as c
    cross join lateral (
        select candidate.status, candidate.members, sum(cardinality(candidate.members)) over () as messages, count(*) over () as requests
        from (
            select r.id, r.status, r.members
            from smsgw.request as r
            where r.id >= c.low and r.id < c.high
            limit 4000
        ) as candidate
        order by
            ln((hashtextextended(candidate.id::text, 0) & 1048575) / 1048577.0 + 1.0 / 1048577) / cardinality(candidate.members) desc
        limit $2
    ) as picked
),

member as (
    select d.begun, d.messages, d.requests, d.status, o.delivery_status
    from drawn as d
    cross join lateral (select m.id from unnest(d.members) as m (id) limit $3) as m
    inner join smsgw.outbox as o on m.id = o.id
)

select
    c.begun,
    coalesce(max(m.messages), 0)::bigint as messages,
    coalesce(max(m.requests), 0)::bigint as requests,
    count(m.delivery_status)::bigint as looked_at,
    count(*) filter (where m.delivery_status = 'delivered')::bigint as delivered,
    count(*) filter (where m.delivery_status between 'undelivered' and 'failed')::bigint as undelivered,
    count(*) filter (where m.delivery_status < 'undelivered' and m.status = 'accepted')::bigint as awaiting,
    count(*) filter (where m.delivery_status < 'undelivered' and m.status <> 'accepted')::bigint as not_accepted
from cohort as c
left join member as m on c.begun = m.begun
group by c.begun
order by c.begun;
