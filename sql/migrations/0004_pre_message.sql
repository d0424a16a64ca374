-- The application's and the operator's view of a message: its state is derived here and stored nowhere.

-- Where a message stands. Receipts win over everything, then acceptance, then our own endings: a phone that has
-- the message outranks any reason for which we believed that it had not been sent.
create function smsgw.message_state(
    delivery smsgw.delivery,
    ending smsgw.ending,
    not_before timestamptz,
    bound boolean,
    dispatch smsgw.dispatch,
    leased boolean,
    attempts integer,
    accepted_at timestamptz,
    held boolean,
    unconfirmed_after interval
) returns text
language sql stable parallel safe
return case
    when delivery = 'delivered' then 'delivered'
    when delivery >= 'undelivered' then 'undelivered'
    when dispatch = 'accepted' and accepted_at < now() - unconfirmed_after then 'unconfirmed'
    when dispatch = 'accepted' then 'accepted'
    when ending is not null then ending::text
    when not bound and not_before > now() then 'scheduled'
    when held and not leased then 'held'
    when not bound then 'ready'
    when dispatch = 'uncertain' then 'uncertain'
    when leased then 'sending'
    when attempts = 0 then 'ready'
    else 'retrying'
end;

create view smsgw.message as
select
    o.id,
    o.reference,
    o.dedupe_key,
    o.tenant,
    o.lane,
    o.to_number,
    smsgw.message_state(
        o.delivery,
        o.ending,
        o.not_before,
        r.id is not null,
        r.dispatch,
        coalesce(r.dispatch = 'in_flight' and r.claim_token is not null, false),
        r.attempts,
        r.accepted_at,
        p.held,
        i.unconfirmed_after
    ) as state,
    coalesce(o.reason, r.reason) as reason,
    coalesce(r.attempts, 0) as attempts,
    replace(r.id::text, '-', '') as request_id,
    r.external_id,
    r.provider_message_id,
    o.parts,
    o.created_at,
    o.not_before,
    o.expires_at,
    r.first_attempt_at,
    r.accepted_at,
    o.delivered_at,
    o.final_at
from smsgw.outbox as o
cross join smsgw.installation as i
left join smsgw.request as r on o.request_id = r.id
cross join lateral (
    select exists(
        select
        from smsgw.pause as p
        where
            (p.expires_at is null or p.expires_at > now())
            and (
                p.scope = 'all'
                or (p.scope = 'route' and p.subject = coalesce(r.route, p.subject))
                or (p.scope = 'lane' and p.subject = o.lane)
                or (p.scope = 'tenant' and p.subject = o.tenant)
                or (p.scope = 'tag' and o.tags ? p.subject)
            )
    ) as held
) as p;
