-- Summarize how receipts arrive, and count those that wait.
-- $1 number of receipts to read, $2 limit of each count.
-- Reads the primary key backwards; receipt_unapplied and receipt_unmatched for the counts. Locks nothing.
with recent as (
    select r.received_at, r.source, r.result
    from smsgw.receipt as r
    order by r.id desc
    limit $1
)

select
    (select max(recent.received_at) from recent where recent.source = 'webhook') as last_webhook,
    (select max(recent.received_at) from recent where recent.source = 'poll') as last_poll,
    (
        select count(*)::integer from recent
        where recent.source = 'webhook' and recent.received_at > clock_timestamp() - interval '1 hour'
    ) as webhooks_in_an_hour,
    (
        select count(*)::integer from recent
        where recent.source = 'poll' and recent.received_at > clock_timestamp() - interval '1 hour'
    ) as polled_in_an_hour,
    (
        select count(*)::integer
        from (select from smsgw.receipt as r where r.applied_at is null limit $2) as u
    ) as unapplied,
    (select min(r.received_at) from smsgw.receipt as r where r.applied_at is null) as oldest_unapplied,
    (
        select count(*)::integer
        from (select from smsgw.receipt as r where r.result = 'unmatched' limit $2) as u
    ) as unmatched;
