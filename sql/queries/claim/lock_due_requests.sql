-- Lock and return requests whose next attempt is due, and requests whose lease expired.
-- $1 lanes, $2 senders (0 is the default sender), $3 limit for each.
-- Index: request_due, one range scan for each lane and sender. Skips rows that another claim, the completer or the
-- applier of receipts holds. Members are read by primary key.
select
    r.id,
    r.lane,
    r.tenant,
    r.route,
    r.sender_id,
    r.generation,
    r.external_id,
    r.body,
    r.parts,
    r.members,
    r.attempts,
    r.crashes,
    r.never_sent_attempts,
    r.ambiguous_attempts,
    r.claim_token is not null as crashed,
    r.attempts = 0 and exists (
        select
        from smsgw.outbox as o
        inner join smsgw.suppression as s on o.to_number = s.number
        where o.id = any(r.members)
    ) as suppressed,
    extract(epoch from clock_timestamp() - r.maybe_arrived_at)::double precision as maybe_arrived_ago,
    waiting.oldest_ready,
    extract(epoch from waiting.first_expiry - clock_timestamp())::double precision as first_expiry_in,
    extract(epoch from waiting.last_expiry - clock_timestamp())::double precision as last_expiry_in
from unnest($1::text[], $2::bigint[], $3::integer[]) as wanted (lane, sender, max_rows)
cross join lateral (
    select *
    from smsgw.request as due
    where
        due.lane = wanted.lane
        and coalesce(due.sender_id, 0) = wanted.sender
        and due.status = 'in_flight'
        and coalesce(due.lease_expires_at, due.available_at) <= statement_timestamp()
        and not exists (
            select
            from smsgw.active_pause as p
            where p.scope = 'tenant' and p.subject = due.tenant
        )
    order by coalesce(due.lease_expires_at, due.available_at)
    limit wanted.max_rows
    for update skip locked
) as r
cross join lateral (
    select
        min(greatest(o.created_at, o.not_before)) as oldest_ready,
        min(o.expires_at) as first_expiry,
        max(o.expires_at) as last_expiry
    from smsgw.outbox as o
    where o.id = any(r.members) and o.request_id = r.id
) as waiting;
