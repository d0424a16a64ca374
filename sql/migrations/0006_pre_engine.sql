-- The sending engine at full length: queues by sending number, budgets by class, daily quotas, the breaker's probe,
-- messages held by their tag, and deliveries inside a group.

-- A message whose tag is paused stands aside, out of the claim's index: a paused campaign of a million rows must not be
-- walked over by the claim of every login code. Which tag, so that a resume finds them again.
alter table smsgw.outbox add column held_tag text;

-- The claim's index, in claim order inside a lane, tenant and sending number. By number, because each has a pace of
-- its own: a number whose tokens are used up must not stand in the way of another. 0 is the account's default number.
drop index smsgw.outbox_waiting;
create index outbox_waiting on smsgw.outbox (lane, tenant, coalesce(sender_id, 0), not_before, id)
where request_id is null and ending is null and held_tag is null;

create index outbox_held on smsgw.outbox (held_tag, id)
where request_id is null and ending is null and held_tag is not null;

-- Whether a message carries what a pause of scope `tag` names: a key, or `key=value`.
create function smsgw.has_tag(tags jsonb, subject text) returns boolean
language sql immutable parallel safe
return coalesce(
    tags ? subject or tags ->> split_part(subject, '=', 1) = nullif(substr(subject, strpos(subject, '=') + 1), subject),
    false
);

-- Whether nothing under the same order key is in front of a message: the one before it is accepted or has ended.
-- Found by outbox_order.
create function smsgw.is_next(of_tenant text, of_order_key text, before_id bigint) returns boolean
language sql stable
return not exists (
    select
    from (
        select o.request_id, o.ending
        from smsgw.outbox as o
        where o.tenant = of_tenant and o.order_key = of_order_key and o.id < before_id
        order by o.id desc
        limit 1
    ) as previous
    left join smsgw.request as r on previous.request_id = r.id
    where previous.ending is null and r.dispatch is distinct from 'accepted'
);

-- Two budgets: what never left may be tried for as long as anybody wants the message; what may have arrived has the
-- horizon before it.
alter table smsgw.request rename column spent to never_sent;
alter table smsgw.request add column ambiguous integer not null default 0;

-- A quota counts what went in each 24th of its period, instead of holding tokens (gateway/domain/quota.py).
alter table smsgw.bucket add column slices double precision[];
alter table smsgw.bucket add column latest bigint;

-- The request that is asked whether the way is open again; failures of others say nothing new meanwhile.
alter table smsgw.route add column probe uuid;

-- What is known of the members of a provider's group, whose numbers we learn from their receipts.
create table smsgw.group_delivery (
    message_id bigint not null,
    generation smallint not null,
    number text not null,
    delivery smsgw.delivery not null,
    happened_at timestamptz not null,
    primary key (message_id, generation, number)
)
with (fillfactor = 85);

-- Group messages that are under way, for the few that there ever are.
create index outbox_group on smsgw.outbox (id) where to_group_id is not null and final_at is null;

create or replace view smsgw.message as
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
    o.final_at,
    -- Of a message to a group: how many numbers it was sent to as far as is known, and what their receipts say.
    case when o.to_group_id is not null then greatest(r.total_sent, g.known) end as group_recipients,
    g.delivered as group_delivered,
    g.undelivered as group_undelivered
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
                or (p.scope = 'tag' and r.id is null and smsgw.has_tag(o.tags, p.subject))
            )
    ) as held
) as p
left join lateral (
    select
        count(*)::integer as known,
        (count(*) filter (where d.delivery = 'delivered'))::integer as delivered,
        (count(*) filter (where d.delivery between 'undelivered' and 'failed'))::integer as undelivered
    from smsgw.group_delivery as d
    where d.message_id = o.id and d.generation = o.generation
) as g on o.to_group_id is not null;

grant select, insert, update, delete on smsgw.group_delivery to smsgw_gateway;
grant select on smsgw.group_delivery to smsgw_operator;
grant select (message_id, generation, delivery, happened_at) on smsgw.group_delivery to smsgw_reader;
grant select (ambiguous) on smsgw.request to smsgw_reader;
grant select (held_tag) on smsgw.outbox to smsgw_reader;
