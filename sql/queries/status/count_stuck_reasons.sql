-- Count the newest messages that did not arrive, by state and reason code.
-- $1 from this id on, $2 limit for each state. `at_least` says that the limit was reached.
-- Index: outbox_terminal for failed and expired, receipt_undelivered for undelivered messages. A message that a late
-- receipt proved sent is left out. Locks nothing.
with ended as (
    select l.*, count(*) over (partition by l.state) >= $2 as more
    from unnest(array['failed', 'expired']::smsgw.terminal_status[]) as e (terminal_status)
    cross join lateral (
        select o.terminal_status::text as state, o.reason, o.created_at, o.delivery_status, o.request_id
        from smsgw.outbox as o
        where o.terminal_status = e.terminal_status and o.id >= $1
        order by o.id desc
        limit $2
    ) as l
),

undelivered as (
    select 'undelivered' as state, o.reason, o.created_at, bool_or(latest.more) as more
    from (
        select found.message_id, count(*) over () >= $2 as more
        from (
            select rc.message_id
            from smsgw.receipt as rc
            where
                rc.message_id >= $1
                and rc.message_id is not null
                and rc.delivery_status >= 'undelivered'
                and rc.delivery_status < 'delivered'
            order by rc.message_id desc
            limit $2
        ) as found
    ) as latest
    inner join smsgw.outbox as o on latest.message_id = o.id
    where o.delivery_status >= 'undelivered' and o.delivery_status < 'delivered'
    group by o.id
),

stuck as (
    select n.state, n.reason, n.created_at, n.more
    from ended as n
    left join smsgw.request as r on n.request_id = r.id
    where n.delivery_status < 'undelivered' and r.status is distinct from 'accepted'
    union all
    select u.state, u.reason, u.created_at, u.more
    from undelivered as u
)

select
    m.state,
    coalesce(split_part(m.reason, ':', 1), '') as code,
    count(*)::integer as messages,
    max(m.created_at) as newest,
    bool_or(m.more) as at_least
from stuck as m
group by m.state, code
order by messages desc, m.state, code;
