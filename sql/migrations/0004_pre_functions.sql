-- Functions, triggers and views.
--
-- Applications call these in their own sessions, with their own search_path. A function therefore either has a body in
-- SQL-standard form (`return …`, `begin atomic`), whose names are resolved when it is created, or it sets search_path.
-- Otherwise an application with a schema of its own could put its operators and functions in place of ours. SQL-standard
-- form without `set` is used where Postgres must inline the function; `set` prevents that.

-- The rank of a delivery status; receipts only raise it. Enum values compare in the order of their declaration, and this
-- form is inlined: as a call it would cost more than the rest of applying a receipt.
create function smsgw.delivery_rank(delivery_status smsgw.delivery_status) returns integer
language sql immutable parallel safe
return case
    when delivery_status < 'sent' then 1
    when delivery_status < 'unknown' then 2
    when delivery_status < 'undelivered' then 3
    when delivery_status < 'delivered' then 4
    when delivery_status = 'delivered' then 5
end;

-- Whether a message carries the tag that a pause names: `key`, or `key=value`.
create function smsgw.has_tag(tags jsonb, subject text) returns boolean
language sql immutable parallel safe
return coalesce(
    tags ? subject or tags ->> split_part(subject, '=', 1) = nullif(substr(subject, strpos(subject, '=') + 1), subject),
    false
);

-- Whether no earlier message of the same order key is still open: the last one before it that is not terminal is accepted.
-- That one was claimed under the same rule, so all before it are accepted or terminal too. A terminal message proves
-- nothing and is skipped: one that expired may stand behind one that waits. Served by outbox_order.
create function smsgw.is_head_of_order_key(of_tenant text, of_order_key text, before_id bigint) returns boolean
language sql stable
return not exists (
    select
    from (
        select o.request_id
        from smsgw.outbox as o
        where o.tenant = of_tenant and o.order_key = of_order_key and o.id < before_id and o.terminal_status is null
        order by o.id desc
        limit 1
    ) as previous
    left join smsgw.request as r on previous.request_id = r.id
    where r.status is distinct from 'accepted'
);

-- The lowest id of the messages that were created at a moment or later, found by bisection of the primary key: about
-- thirty probes. Ids are drawn in the order of time except within concurrent transactions, so callers allow an hour of
-- slack and compare `created_at` as well.
create function smsgw.first_id_since(moment timestamptz) returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    low bigint;
    high bigint;
    middle bigint;
    probe record;
begin
    select min(o.id), max(o.id) + 1 into low, high from smsgw.outbox as o;
    while low < high loop
        middle := low + (high - low) / 2;
        select o.id, o.created_at into probe from smsgw.outbox as o where o.id >= middle order by o.id limit 1;
        if probe.id is null or probe.created_at >= moment then
            high := middle;
        else
            low := probe.id + 1;
        end if;
    end loop;
    return coalesce(low, 0);
end
$$;

-- The lowest id that a request of a moment can have. Ids begin with a clock, so a range of time is a range of the primary
-- key.
create function smsgw.min_request_id_at(moment timestamptz) returns uuid
language sql immutable parallel safe
return (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- Parts of a message that has no request yet, for estimates: the provider's rendering may differ.
create function smsgw.estimated_parts(body text, media_url text) returns integer
language sql immutable parallel safe
return case
    when media_url is not null or body is null then 1
    when octet_length(body) = char_length(body)
        then case when char_length(body) <= 160 then 1 else ceil(char_length(body) / 153.0)::integer end
    when char_length(body) <= 70 then 1
    else ceil(char_length(body) / 67.0)::integer
end;

-- Refuses a bad row with SQLSTATE 22023 and one sentence that names the column.
-- A trigger and no CHECK constraints: Postgres prints the whole failing row in the DETAIL of a check violation, so the
-- number and the text would appear in the application's log and in the server's.
-- A row that the gateway could not read back, pace or print would be claimed again and again, so it is refused here:
-- * JSON parsers refuse variables that nest too deep or hold too large numbers.
-- * Infinity and the year 200000 are times for Postgres, and for no program that reads them.
-- * Placeholders times the size of the values bounds the length of the text.
-- * Tags are strings only. The path is strict, because a lax one unwraps arrays and would accept them.
-- * order_key, dedupe_key, reference and tenant are printed on terminals, so they hold no control characters.
-- * An application that writes '' for "none" would deduplicate all its messages, or put all of them in one order.
-- Locks nothing; reads one row of smsgw.lane by primary key.
create function smsgw.outbox_intake() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    complaint text;
    lane_ttl interval;
begin
    new.lane := coalesce(new.lane, 'default');
    new.tenant := coalesce(new.tenant, '');
    new.not_before := coalesce(new.not_before, now());

    complaint := case
        when num_nonnulls(new.to_number, new.to_subscriber_id, new.to_group_id) <> 1
            then 'to_number: give exactly one of to_number, to_subscriber_id and to_group_id'
        when new.to_number !~ '^\+[1-9][0-9]{6,14}$'
            then 'to_number: must be in E.164 form, a plus sign and 7 to 15 digits with no spaces'
        when new.to_subscriber_id <= 0 then 'to_subscriber_id: must be a positive number'
        when new.to_group_id <= 0 then 'to_group_id: must be a positive number'
        when num_nonnulls(nullif(new.body, ''), new.template_id, new.media_url) = 0
            then 'body: give at least one of body, template_id and media_url'
        when new.body !~ '[^[:space:]]' and new.template_id is null and new.media_url is null
            then 'body: must be more than blanks'
        when char_length(new.body) > 4000 then 'body: must be at most 4000 characters'
        when new.template_id <= 0 then 'template_id: must be a positive number'
        when new.link_id is not null and new.template_id is null
            then 'link_id: has a meaning only together with template_id'
        when new.link_id <= 0 then 'link_id: must be a positive number'
        when char_length(new.media_url) > 2048 or new.media_url !~ '^https?://[^[:space:]]+$'
            then 'media_url: must be an http or https address of at most 2048 characters'
        when jsonb_typeof(new.variables) <> 'object' then 'variables: must be a JSON object'
        when octet_length(new.variables::text) > 16384 then 'variables: must be at most 16 kB of JSON'
        when jsonb_path_exists(new.variables, '$.**{9}') then 'variables: must be nested at most 8 deep'
        when jsonb_path_exists(
            new.variables, '$.** ? (@.type() == "number" && (@ > 1000000000000000000 || @ < -1000000000000000000))'
        )
            then 'variables: a number must lie within 10^18 of zero; give longer ones as strings'
        when
            (char_length(new.body) - char_length(replace(new.body, '{{', ''))) / 2 * octet_length(new.variables::text)
            > 1000000
            then 'variables: the placeholders in body would make the text too long'
        when jsonb_typeof(new.tags) <> 'object' then 'tags: must be a JSON object whose values are strings'
        when octet_length(new.tags::text) > 4096 then 'tags: must be at most 4 kB of JSON'
        when jsonb_path_exists(new.tags, 'strict $.* ? (@.type() <> "string")', '{}', true)
            then 'tags: must be a JSON object whose values are strings'
        when char_length(new.tenant) > 100 or new.tenant ~ '[[:cntrl:]]'
            then 'tenant: must be at most 100 characters, none of them a control character'
        when new.sender_id <= 0 then 'sender_id: must be a positive number'
        when char_length(new.reference) > 255 or new.reference ~ '[[:cntrl:]]'
            then 'reference: must be at most 255 characters, none of them a control character'
        when new.dedupe_key = '' then 'dedupe_key: must not be empty; leave it out, or give null'
        when char_length(new.dedupe_key) > 255 or new.dedupe_key ~ '[[:cntrl:]]'
            then 'dedupe_key: must be at most 255 characters, none of them a control character'
        when new.order_key = '' then 'order_key: must not be empty; leave it out, or give null'
        when char_length(new.order_key) > 255 or new.order_key ~ '[[:cntrl:]]'
            then 'order_key: must be at most 255 characters, none of them a control character'
        when new.traceparent !~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'
            then 'traceparent: must be a W3C trace context of version 00'
        when not new.not_before between now() - interval '10 years' and now() + interval '10 years'
            then 'not_before: must be a finite time within ten years'
        when not new.expires_at between now() - interval '10 years' and now() + interval '20 years'
            then 'expires_at: must be a finite time within twenty years'
    end;

    if complaint is null then
        select l.ttl into lane_ttl from smsgw.lane as l where l.name = new.lane;
        if not found then
            complaint := 'lane: no lane of that name is defined; an operator can add it with "smsgw lanes set"';
        else
            -- The time to live of a message with a past not_before counts from now: it could not be sent earlier.
            new.expires_at := coalesce(new.expires_at, greatest(new.not_before, now()) + lane_ttl);
            if new.expires_at <= new.not_before then
                complaint := 'expires_at: must be later than not_before';
            end if;
        end if;
    end if;

    if complaint is not null then
        raise exception using errcode = '22023', message = complaint;
    end if;
    return new;
end
$$;

create trigger intake before insert on smsgw.outbox
for each row execute function smsgw.outbox_intake();

-- The doorbell wakes an idle worker. NOTIFY takes a lock of the whole database cluster at commit and would cost a busy
-- application more than half of its rate, so it is sent only while a worker is about to sleep.
--
-- The signal is an advisory lock and not a flag in a table, because a lock is visible at once, whatever the snapshot of
-- the inserting transaction. A worker that is about to sleep holds it exclusively: then the try below fails and the
-- doorbell rings. Otherwise the inserting transaction holds it shared until it ends, so a worker gets it, and makes its
-- last check, only after every transaction that did not ring has become visible.
create function smsgw.outbox_doorbell() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if not pg_try_advisory_xact_lock_shared(1936552807, 1) then
        perform pg_notify('smsgw_outbox', '');
    end if;
    return null;
end
$$;

create trigger doorbell after insert on smsgw.outbox
for each statement execute function smsgw.outbox_doorbell();

-- Adds a final state to the feed. Runs with its owner's rights: operators end messages and may not write the feed.
create function smsgw.outbox_final() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into smsgw.final_state_pending (message_id, state, reason, final_at)
    values (
        new.id,
        case
            when new.delivery_status = 'delivered' then 'delivered'
            when new.delivery_status >= 'undelivered' then 'undelivered'
            else new.terminal_status::text
        end,
        new.reason,
        new.final_at
    );
    return null;
end
$$;

-- Only updates that name one of these columns evaluate the condition; a claim and an acceptance name none.
create trigger final after update of final_at, delivery_status, terminal_status on smsgw.outbox
for each row
when (
    new.final_at is not null
    and (new.delivery_status >= 'undelivered' or new.terminal_status is not null)
    and (new.final_at, new.delivery_status, new.terminal_status)
    is distinct from (old.final_at, old.delivery_status, old.terminal_status)
)
execute function smsgw.outbox_final();

-- INSERT with named arguments. If the dedupe_key was used before, changes nothing and returns the first id.
-- Runs with its owner's rights only to read that first id; the triggers above check the row.
create function smsgw.enqueue(
    to_number text default null,
    body text default null,
    to_subscriber_id bigint default null,
    to_group_id bigint default null,
    template_id bigint default null,
    link_id bigint default null,
    media_url text default null,
    variables jsonb default null,
    lane text default 'default',
    tenant text default '',
    sender_id bigint default null,
    tags jsonb default null,
    reference text default null,
    not_before timestamptz default now(),
    expires_at timestamptz default null,
    dedupe_key text default null,
    order_key text default null,
    traceparent text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    message_id bigint;
begin
    insert into smsgw.outbox (
        to_number, body, to_subscriber_id, to_group_id, template_id, link_id, media_url, variables, lane, tenant,
        sender_id, tags, reference, not_before, expires_at, dedupe_key, order_key, traceparent
    )
    values (
        enqueue.to_number, enqueue.body, enqueue.to_subscriber_id, enqueue.to_group_id, enqueue.template_id,
        enqueue.link_id, enqueue.media_url, enqueue.variables, enqueue.lane, enqueue.tenant, enqueue.sender_id,
        enqueue.tags, enqueue.reference, enqueue.not_before, enqueue.expires_at, enqueue.dedupe_key,
        enqueue.order_key, enqueue.traceparent
    )
    on conflict (tenant, dedupe_key) where dedupe_key is not null do nothing
    returning id into message_id;

    -- The conflicting row was committed before the INSERT stopped waiting for it, so a new statement sees it.
    if message_id is null then
        select o.id into message_id
        from smsgw.outbox as o
        where o.tenant = coalesce(enqueue.tenant, '') and o.dedupe_key = enqueue.dedupe_key;
    end if;
    return message_id;
end
$$;

-- The next final states after a position, oldest first. Remember the last position and continue from it: what commits
-- later never gets an earlier one. A message appears again when a late receipt changes its state. LISTEN smsgw_final to
-- learn that there are new ones.
create function smsgw.final_states(after bigint default 0, max integer default 1000)
returns table (
    "position" bigint, message_id bigint, reference text, tenant text, state text, reason text, final_at timestamptz
)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select f.position, f.message_id, o.reference, o.tenant, f.state, f.reason, f.final_at
    from smsgw.final_feed as f
    inner join smsgw.outbox as o on f.message_id = o.id
    where f.position > final_states.after
    order by f.position
    limit greatest(0, least(final_states.max, 10000));
end;

-- Pauses that have not expired: the one definition of "paused". Statement time, so that all rows of a statement agree.
create view smsgw.active_pause as
select p.scope, p.subject, p.paused_at, p.expires_at, p.actor, p.reason
from smsgw.pause as p
where p.expires_at is null or p.expires_at > statement_timestamp();

-- The state of a message, derived here and stored nowhere. Receipts win over everything, then acceptance, then the
-- terminal status: if the phone has the message, any reason to believe that it was not sent is wrong. `uncertain` comes
-- before `held`: no pause holds such a message, a person must decide, and `held` would hide it from whom looks for it.
create function smsgw.message_state(
    delivery_status smsgw.delivery_status,
    terminal_status smsgw.terminal_status,
    not_before timestamptz,
    has_request boolean,
    request_status smsgw.request_status,
    leased boolean,
    attempts integer,
    accepted_at timestamptz,
    held boolean,
    unconfirmed_after interval
) returns text
language sql stable parallel safe
return case
    when delivery_status = 'delivered' then 'delivered'
    when delivery_status >= 'undelivered' then 'undelivered'
    when request_status = 'accepted' and accepted_at < now() - unconfirmed_after then 'unconfirmed'
    when request_status = 'accepted' then 'accepted'
    when terminal_status is not null then terminal_status::text
    when request_status = 'uncertain' then 'uncertain'
    when not has_request and not_before > now() then 'scheduled'
    when held and not leased then 'held'
    when not has_request then 'ready'
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
        o.delivery_status,
        o.terminal_status,
        o.not_before,
        r.id is not null,
        r.status,
        coalesce(r.status = 'in_flight' and r.claim_token is not null, false),
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
    -- Of a message to a group: to how many numbers it was sent, as far as is known, and what their receipts report.
    case when o.to_group_id is not null then greatest(r.total_sent, g.known) end as group_recipients,
    g.delivered as group_delivered,
    g.undelivered as group_undelivered
from smsgw.outbox as o
cross join smsgw.installation as i
left join smsgw.request as r on o.request_id = r.id
cross join lateral (
    select exists(
        select
        from smsgw.active_pause as p
        where
            p.scope = 'all'
            or (p.scope = 'route' and p.subject = coalesce(r.route, p.subject))
            or (p.scope = 'lane' and p.subject = o.lane)
            or (p.scope = 'tenant' and p.subject = o.tenant)
            or (p.scope = 'tag' and r.id is null and smsgw.has_tag(o.tags, p.subject))
    ) as held
) as p
left join lateral (
    select
        count(*)::integer as known,
        (count(*) filter (where d.delivery_status = 'delivered'))::integer as delivered,
        (count(*) filter (where d.delivery_status between 'undelivered' and 'failed'))::integer as undelivered
    from smsgw.group_delivery as d
    where d.message_id = o.id and d.generation = o.generation
) as g on o.to_group_id is not null;
