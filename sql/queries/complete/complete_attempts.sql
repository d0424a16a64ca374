-- Write what became of attempts, many in one statement. $1 an array of smsgw.attempt_result, one for each attempt: `delay` is
-- the seconds until the request is due again, `spent` whether the attempt uses up retry budget.
--
-- Fenced: only the worker that holds the claim token writes anything; a request that is missing from the answer was
-- claimed by another. `greatest` because a receipt may have proved acceptance while this answer was on its way.
-- The horizon is counted from the attempt's own start: this result may come late, from a process that stood still.
-- The body is deleted with the acceptance: nothing may be sent under this id again.
-- Locks the requests in the order of their ids, by primary key, then the messages of those that were refused.
with ours as (
    select n.*
    from (
        select *
        from unnest($1::smsgw.attempt_result[])
        order by request_id
    ) as n
    cross join lateral (
        select
        from smsgw.request as r
        where r.id = n.request_id and r.claim_token = n.claim_token
        for update
    ) as locked
),

settled as (
    update smsgw.request as r
    set
        status = greatest(r.status, n.status::smsgw.request_status),
        accepted_at = case when n.status = 'accepted' then coalesce(r.accepted_at, clock_timestamp()) else r.accepted_at end,
        body = case when greatest(r.status, n.status::smsgw.request_status) <> 'accepted' then r.body end,
        maybe_arrived_at = case
            when n.maybe_arrived
                then coalesce(
                    r.maybe_arrived_at,
                    (select a.started_at from smsgw.attempt as a where a.request_id = n.request_id and a.number = n.number)
                )
            else r.maybe_arrived_at
        end,
        claim_token = null,
        lease_expires_at = null,
        available_at = clock_timestamp() + make_interval(secs => n.delay),
        never_sent_attempts = r.never_sent_attempts + (n.spent and n.outcome = 'never_sent')::integer,
        ambiguous_attempts = r.ambiguous_attempts + (n.spent and n.outcome = 'ambiguous')::integer,
        pending_receipts = case when n.status = 'rejected' and r.status <> 'accepted' then 0 else r.pending_receipts end,
        provider_message_id = coalesce(n.provider_message_id, r.provider_message_id),
        outbound_ids = coalesce(n.outbound_ids, r.outbound_ids),
        total_sent = coalesce(n.total_sent, r.total_sent),
        verify_reason = coalesce(n.verify_reason, r.verify_reason),
        reason = case when r.status = 'accepted' then r.reason else n.reason end
    from ours as n
    where r.id = n.request_id
    returning r.id, r.status, r.lane, r.members, r.reason
),

logged as (
    update smsgw.attempt as a
    set
        finished_at = clock_timestamp(),
        outcome = n.outcome,
        http_status = n.http_status,
        error = n.error,
        provider_request_id = n.provider_request_id,
        retry_after = n.retry_after,
        duration = n.duration
    from ours as n
    where a.request_id = n.request_id and a.number = n.number
),

ended as (
    update smsgw.outbox as o
    set terminal_status = 'failed', reason = settled.reason, final_at = clock_timestamp()
    from settled
    where
        settled.status = 'rejected'
        and o.id = any(settled.members)
        and o.request_id = settled.id
        and o.terminal_status is null
)

select settled.id, settled.status::text as status, settled.lane, cardinality(settled.members) as messages
from settled;
