-- Write what became of attempts, many in one statement.
-- One entry for each attempt: $1 request id, $2 claim token, $3 attempt number, $4 outcome, $5 status, $6 error,
-- $7 the provider's request id, $8 retry-after, $9 duration, $10 dispatch, $11 seconds until due again,
-- $12 whether it uses up retry budget, $13 may have arrived, $14 the provider's message id, $15 outbound ids (text of a
-- bigint array), $16 total sent, $17 why to verify, $18 reason.
--
-- Fenced: only the worker that holds the claim token writes anything; a request that is missing from the answer was
-- taken over by another. `greatest` because a receipt may have proved acceptance while this answer was on its way.
-- The horizon is counted from the attempt's own start: this result may come late, from a process that stood still.
-- The bytes go with the acceptance: nothing may be sent under this id again.
-- Locks the requests in the order of their ids, then the messages of those that were refused.
with result as (
    select n.*
    from unnest(
        $1::uuid[],
        $2::uuid[],
        $3::integer[],
        $4::text[],
        $5::smallint[],
        $6::text[],
        $7::text[],
        $8::real[],
        $9::real[],
        $10::text[],
        $11::double precision[],
        $12::boolean[],
        $13::boolean[],
        $14::text[],
        $15::text[],
        $16::integer[],
        $17::text[],
        $18::text[]
    ) as n (
        id,
        token,
        number,
        outcome,
        http_status,
        error,
        provider_request_id,
        retry_after,
        duration,
        status,
        delay,
        spent,
        maybe_arrived,
        provider_message_id,
        outbound_ids,
        total_sent,
        verify_reason,
        reason
    )
),

ours as (
    select r.id
    from smsgw.request as r
    inner join result as n on r.id = n.id and r.claim_token = n.token
    order by r.id
    for update of r
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
                    (select a.started_at from smsgw.attempt as a where a.request_id = n.id and a.number = n.number)
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
        outbound_ids = coalesce(n.outbound_ids::bigint[], r.outbound_ids),
        total_sent = coalesce(n.total_sent, r.total_sent),
        verify_reason = coalesce(n.verify_reason, r.verify_reason),
        reason = case when r.status = 'accepted' then r.reason else n.reason end
    from result as n
    inner join ours on n.id = ours.id
    where r.id = n.id
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
    from result as n
    inner join ours on n.id = ours.id
    where a.request_id = n.id and a.number = n.number
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
