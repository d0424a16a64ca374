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
-- Each transaction of an application pays for this function, so the checks are written to be cheap; see
-- docs/decisions/0005-the-price-of-an-insert.md:
-- * The checks of columns that most messages leave out are an expression of their own. Postgres prepares an expression once
--   a transaction, however little of it then runs.
-- * Lengths are first compared in bytes, which Postgres knows without reading the text.
-- * The number is matched without a bounded repetition: `{6,14}` takes three times as long.
-- Locks nothing; reads one row of smsgw.lane.
create function smsgw.outbox_intake() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    complaint text;
begin
    if new.lane is null or new.tenant is null or new.not_before is null then
        new.lane := coalesce(new.lane, 'default');
        new.tenant := coalesce(new.tenant, '');
        new.not_before := coalesce(new.not_before, now());
    end if;

    complaint := case
        when num_nonnulls(new.to_number, new.to_subscriber_id, new.to_group_id) <> 1
            then 'to_number: give exactly one of to_number, to_subscriber_id and to_group_id'
        when new.to_number !~ '^\+[1-9][0-9]+$' or octet_length(new.to_number) not between 8 and 16
            then 'to_number: must be in E.164 form, a plus sign and 7 to 15 digits with no spaces'
        when num_nonnulls(nullif(new.body, ''), new.template_id, new.media_url) = 0
            then 'body: give at least one of body, template_id and media_url'
        when new.body !~ '[^[:space:]]' and new.template_id is null and new.media_url is null
            then 'body: must be more than blanks'
        when octet_length(new.body) > 4000 and char_length(new.body) > 4000
            then 'body: must be at most 4000 characters'
        when new.tenant <> '' and (char_length(new.tenant) > 100 or new.tenant ~ '[[:cntrl:]]')
            then 'tenant: must be at most 100 characters, none of them a control character'
        when char_length(new.reference) > 255 or new.reference ~ '[[:cntrl:]]'
            then 'reference: must be at most 255 characters, none of them a control character'
        when
            new.not_before <> now()
            and new.not_before not between now() - interval '10 years' and now() + interval '10 years'
            then 'not_before: must be a finite time within ten years'
    end;

    if
        complaint is null
        and num_nonnulls(
            new.to_subscriber_id, new.to_group_id, new.template_id, new.link_id, new.media_url, new.variables, new.tags,
            new.sender_id, new.dedupe_key, new.order_key, new.traceparent, new.expires_at
        ) > 0
    then
        complaint := case
            when new.to_subscriber_id <= 0 then 'to_subscriber_id: must be a positive number'
            when new.to_group_id <= 0 then 'to_group_id: must be a positive number'
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
                new.variables is not null
                and (char_length(new.body) - char_length(replace(new.body, '{{', ''))) / 2
                * octet_length(new.variables::text) > 1000000
                then 'variables: the placeholders in body would make the text too long'
            when jsonb_typeof(new.tags) <> 'object' then 'tags: must be a JSON object whose values are strings'
            when octet_length(new.tags::text) > 4096 then 'tags: must be at most 4 kB of JSON'
            when jsonb_path_exists(new.tags, 'strict $.* ? (@.type() <> "string")', '{}', true)
                then 'tags: must be a JSON object whose values are strings'
            when new.sender_id <= 0 then 'sender_id: must be a positive number'
            when new.dedupe_key = '' then 'dedupe_key: must not be empty; leave it out, or give null'
            when char_length(new.dedupe_key) > 255 or new.dedupe_key ~ '[[:cntrl:]]'
                then 'dedupe_key: must be at most 255 characters, none of them a control character'
            when new.order_key = '' then 'order_key: must not be empty; leave it out, or give null'
            when char_length(new.order_key) > 255 or new.order_key ~ '[[:cntrl:]]'
                then 'order_key: must be at most 255 characters, none of them a control character'
            when new.traceparent !~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'
                then 'traceparent: must be a W3C trace context of version 00'
            when new.expires_at not between now() - interval '10 years' and now() + interval '20 years'
                then 'expires_at: must be a finite time within twenty years'
        end;
    end if;

    if complaint is null then
        -- The time to live of a message with a past not_before counts from now: it could not be sent earlier.
        select coalesce(new.expires_at, greatest(new.not_before, now()) + l.ttl) into new.expires_at
        from smsgw.lane as l
        where l.name = new.lane;
        if not found then
            complaint := 'lane: no lane of that name is defined; an operator can add it with "smsgw lanes set"';
        elsif new.expires_at <= new.not_before then
            complaint := 'expires_at: must be later than not_before';
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
-- last check, only after every transaction that did not ring has become visible. Until then the worker waits for the
-- lock, and the try below fails for everybody else: a try does not pass a session that waits.
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

-- The limiter. A window holds `allowance` tokens, and a spent token returns by itself one period after the last moment at
-- which its request can have arrived at the provider. So no window of the provider ever sees more arrivals than there are
-- tokens, all tokens may be used at once, and all of them are used under load. docs/limiter.md explains it.
--
-- A call is one statement in a transaction of its own. It locks one row of smsgw.bucket for as long as it computes. So no
-- claim waits for another's work, and a bucket is never locked while a process or a network is slow.

-- The number of tokens in use at a moment: fewer than the allowance after 429s, none while blocked. Each period without
-- a 429 adds a twentieth. Two always stay, so that a loop of urgent messages leaves one to other lanes.
create function smsgw.allowance_in_use(b smsgw.bucket, moment timestamptz) returns integer
language sql stable parallel safe
return case
    when moment < b.blocked_until then 0
    when b.throttled_at is null then floor(b.allowance)
    else greatest(
        least(floor(b.allowance), 2),
        floor(
            b.allowance
            * least(
                1.0,
                b.rate_factor + 0.05 * floor(greatest(0, extract(epoch from moment - b.throttled_at)) / b.period)
            )
        )
    )
end;

-- What a window will hold if nothing more is taken: one row for `since`, and one for each later moment at which a token
-- returns or a block ends. `urgent` is how many of the spent tokens urgent lanes took.
create function smsgw.window_forecast(b smsgw.bucket, since timestamptz)
returns table (moment timestamptz, free integer, urgent integer)
language sql stable parallel safe
begin atomic
with entry as (
    select
        e.bound + make_interval(secs => b.period) as returns_at,
        e.urgent,
        e.others
    from unnest(b.spent_bounds, b.spent_urgent, b.spent_others) as e (bound, urgent, others)
),

event as (
    select entry.returns_at as moment, entry.urgent, entry.others
    from entry
    where entry.returns_at > since
    union all
    select other.moment, 0, 0
    from unnest(array[since, b.blocked_until, b.foreign_until]) as other (moment)
    where other.moment >= since
),

returned as (
    select
        event.moment,
        sum(sum(event.urgent)) over (order by event.moment) as urgent,
        sum(sum(event.urgent + event.others)) over (order by event.moment) as tokens
    from event
    group by event.moment
),

spent as (
    select coalesce(sum(event.urgent), 0) as urgent, coalesce(sum(event.urgent + event.others), 0) as tokens from event
)

select
    returned.moment,
    (
        smsgw.allowance_in_use(b, returned.moment)
        - (spent.tokens - returned.tokens)
        - case when returned.moment < b.foreign_until then b.foreign_spent else 0 end
    )::integer as free,
    (spent.urgent - returned.urgent)::integer as urgent
from returned
cross join spent
order by returned.moment;
end;

-- The tokens that lanes which are not urgent leave free: the reserves of all urgent lanes. One token is never reserved.
create function smsgw.reserve_of(in_use integer) returns integer
language sql stable parallel safe
return least(
    greatest(in_use - 1, 0),
    round(in_use * coalesce((select sum(l.reserve_percent) from smsgw.lane as l where l.urgent), 0) / 100.0)
)::integer;

-- The entries of a window with these changes added. Entries whose tokens have returned are left out. Above 256 tokens a
-- bound is rounded up to a 64th of the period, so that the row stays short.
create function smsgw.with_spent(
    b smsgw.bucket, since timestamptz, bounds timestamptz[], urgent integer[], others integer[]
) returns smsgw.bucket
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    select
        coalesce(array_agg(entry.bound order by entry.bound), '{}'),
        coalesce(array_agg(entry.urgent order by entry.bound), '{}'),
        coalesce(array_agg(entry.others order by entry.bound), '{}')
    into b.spent_bounds, b.spent_urgent, b.spent_others
    from (
        select
            changed.bound,
            greatest(0, sum(changed.urgent))::integer as urgent,
            greatest(0, sum(changed.others))::integer as others
        from (
            select e.bound, e.urgent, e.others
            from unnest(b.spent_bounds, b.spent_urgent, b.spent_others) as e (bound, urgent, others)
            union all
            select e.bound, e.urgent, e.others
            from unnest(bounds, urgent, others) as e (bound, urgent, others)
        ) as changed
        where changed.bound + make_interval(secs => b.period) > since
        group by changed.bound
        having sum(changed.urgent) > 0 or sum(changed.others) > 0
    ) as entry;
    return b;
end;
$$;

create function smsgw.rounded_bound(b smsgw.bucket, bound timestamptz) returns timestamptz
language sql stable parallel safe
return case
    when b.allowance <= 256 then bound
    else to_timestamp(ceil(extract(epoch from bound) / (b.period / 64)) * (b.period / 64))
end;

-- The bucket with all its times moved by a step of the database's clock.
create function smsgw.with_clock_step(b smsgw.bucket, seconds double precision) returns smsgw.bucket
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    step interval := make_interval(secs => seconds);
begin
    b.spent_bounds := array(select bound + step from unnest(b.spent_bounds) with ordinality as e (bound, n) order by n);
    b.foreign_until := b.foreign_until + step;
    b.foreign_seen_at := b.foreign_seen_at + step;
    b.throttled_at := b.throttled_at + step;
    b.blocked_until := b.blocked_until + step;
    b.clock_shift := b.clock_shift + seconds;
    return b;
end;
$$;

-- Take up to `urgent_wanted` tokens for each of these urgent lanes, in their order, and up to `others_wanted` for other
-- lanes, `max_tokens` in all. While others wait, one of these is theirs. The arrival bound of the tokens is `bound_after`
-- seconds from now. Tokens that return within `ahead` seconds are taken too; `urgent_at` and `others_at` say from when on
-- the tokens may be used. The waits are the seconds until another token could be had for a lane that did not get all it
-- wanted.
--
-- The caller compares the database's clock with its own: `expected_now` is what it expects the database's clock to show,
-- and `shift_seen` the shift of the bucket that it knows. If the clock differs by more than `tolerance` seconds, it was
-- set, and all times of the bucket move with it. No row is returned for a bucket that does not exist.
create function smsgw.take_tokens(
    bucket_name text,
    urgent_lanes text[],
    urgent_wanted integer[],
    others_wanted integer,
    max_tokens integer,
    bound_after double precision,
    ahead double precision default 0,
    expected_now double precision default null,
    tolerance double precision default 1,
    shift_seen double precision default 0
) returns table (
    urgent_taken integer[],
    others_taken integer,
    taken_at timestamptz,
    bound timestamptz,
    urgent_at timestamptz,
    others_at timestamptz,
    urgent_wait double precision,
    others_wait double precision,
    spent integer,
    taken_total bigint,
    clock_shift double precision
)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    clock_now constant timestamptz := clock_timestamp();
    b smsgw.bucket;
    step double precision;
    latest timestamptz;
    caps integer[];
    reserve_percent numeric := 0;
    point record;
    free integer;
    held integer;
    taken integer := 0;
    all_urgent integer := 0;
    n integer;
begin
    select * into b from smsgw.bucket where name = bucket_name for update;
    if not found then
        return;
    end if;
    step := extract(epoch from clock_now) - expected_now - (b.clock_shift - shift_seen);
    if abs(step) > tolerance then
        b := smsgw.with_clock_step(b, step);
    end if;
    taken_at := clock_timestamp();
    latest := taken_at + make_interval(secs => ahead);
    -- Nobody saw the clock go back, for instance because no process ran. No bound of ours lies this far ahead.
    if b.spent_bounds[cardinality(b.spent_bounds)] > taken_at + interval '1 hour' then
        b.spent_bounds := array(
            select least(e.bound, taken_at + make_interval(secs => bound_after))
            from unnest(b.spent_bounds) with ordinality as e (bound, n)
            order by e.n
        );
    end if;
    caps := array(
        select coalesce(l.cap_percent, 100)
        from unnest(urgent_lanes) with ordinality as u (name, n)
        left join smsgw.lane as l on l.name = u.name
        order by u.n
    );
    if b.reserves then
        reserve_percent := (select coalesce(sum(l.reserve_percent), 0) from smsgw.lane as l where l.urgent);
    end if;
    urgent_taken := array_fill(0, array[cardinality(urgent_lanes)]);
    others_taken := 0;
    urgent_at := taken_at;
    others_at := taken_at;
    for point in
        select f.moment, f.free, f.urgent, smsgw.allowance_in_use(b, f.moment) as in_use
        from smsgw.window_forecast(b, taken_at) as f
        order by f.moment
    loop
        free := point.free - taken;
        held := point.urgent + all_urgent;
        for i in 1 .. cardinality(urgent_lanes) loop
            n := least(urgent_wanted[i] - urgent_taken[i], free);
            if others_wanted > 0 and point.in_use > 1 then
                n := least(n, greatest(1, floor(point.in_use * caps[i] / 100.0))::integer - held);
            end if;
            n := least(n, max_tokens - taken - (others_wanted > others_taken and max_tokens > 1)::integer);
            if n > 0 and point.moment > latest then
                urgent_wait := coalesce(urgent_wait, extract(epoch from point.moment - taken_at));
            elsif n > 0 then
                urgent_taken[i] := urgent_taken[i] + n;
                all_urgent := all_urgent + n;
                taken := taken + n;
                free := free - n;
                held := held + n;
                urgent_at := point.moment;
            end if;
        end loop;
        n := least(
            others_wanted - others_taken,
            max_tokens - taken,
            free - greatest(0, least(point.in_use - 1, round(point.in_use * reserve_percent / 100.0))::integer - held)
        );
        if n > 0 and point.moment > latest then
            others_wait := coalesce(others_wait, extract(epoch from point.moment - taken_at));
        elsif n > 0 then
            others_taken := others_taken + n;
            taken := taken + n;
            others_at := point.moment;
        end if;
        exit when taken >= max_tokens;
        exit when (urgent_wait is not null or urgent_wanted = urgent_taken)
            and (others_wait is not null or others_wanted = others_taken);
    end loop;
    bound := smsgw.rounded_bound(b, taken_at + make_interval(secs => bound_after));
    b := smsgw.with_spent(b, taken_at, array[bound], array[all_urgent], array[others_taken]);
    spent := (
        select coalesce(sum(e.urgent + e.others), 0)
        from unnest(b.spent_urgent, b.spent_others) as e (urgent, others)
    );
    taken_total := b.taken_total + taken;
    clock_shift := b.clock_shift;
    update smsgw.bucket as row
    set
        spent_bounds = b.spent_bounds,
        spent_urgent = b.spent_urgent,
        spent_others = b.spent_others,
        taken_total = b.taken_total + taken,
        clock_shift = b.clock_shift,
        foreign_until = b.foreign_until,
        foreign_seen_at = b.foreign_seen_at,
        throttled_at = b.throttled_at,
        blocked_until = b.blocked_until
    where row.name = bucket_name and (taken > 0 or row.clock_shift <> b.clock_shift or row.spent_bounds <> b.spent_bounds);
    return next;
end;
$$;

-- Say what became of spent tokens, one entry for each arrival bound that take_tokens gave at `taken_at`. A request that was
-- answered `answered_after` seconds later by the caller's own clock has arrived by then, so its token returns one period
-- after that. A token of a request of which no byte was sent has null there, and is free at once. A token that is not named
-- keeps its bound. The database's clock is not read for this: it may have been set since, which `clock_shift` (the bucket's
-- when the tokens were taken) accounts for only once a claim has noticed it.
create function smsgw.return_tokens(
    bucket_name text,
    bounds timestamptz[],
    taken_at timestamptz[],
    clock_shifts double precision[],
    urgent integer[],
    others integer[],
    answered_after double precision[]
) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    b smsgw.bucket;
    change record;
begin
    select * into b from smsgw.bucket where name = bucket_name for update;
    if not found then
        return;
    end if;
    for change in
        with spent as (
            select
                e.bound + make_interval(secs => b.clock_shift - e.clock_shift) as bound,
                e.taken_at + make_interval(secs => b.clock_shift - e.clock_shift + e.answered_after) as answered_at,
                e.urgent,
                e.others
            from unnest(bounds, taken_at, clock_shifts, urgent, others, answered_after)
                as e (bound, taken_at, clock_shift, urgent, others, answered_after)
        )

        select
            array_agg(c.bound) as bounds,
            array_agg(c.urgent) as urgent,
            array_agg(c.others) as others
        from (
            select spent.bound, -spent.urgent as urgent, -spent.others as others
            from spent
            union all
            select least(spent.bound, smsgw.rounded_bound(b, spent.answered_at)), spent.urgent, spent.others
            from spent
            where spent.answered_at is not null
        ) as c
    loop
        -- Nothing is left out here: the clock may have been set, and only take_tokens notices that.
        b := smsgw.with_spent(b, '-infinity', change.bounds, change.urgent, change.others);
    end loop;
    update smsgw.bucket as row
    set spent_bounds = b.spent_bounds, spent_urgent = b.spent_urgent, spent_others = b.spent_others
    where row.name = bucket_name;
end;
$$;

-- Compare what an answer says remained in the provider's window with what we know to be spent. `spent` and `taken_total`
-- are what take_tokens returned for the request: what was spent then, and how much had been taken before. The rest was
-- used by other programs on the account, and counts as spent until the reset. An answer to a request whose tokens were
-- taken before those of the newest answer changes nothing.
create function smsgw.note_foreign_use(
    bucket_name text,
    taken_at timestamptz,
    known_spent integer,
    known_total bigint,
    window_limit integer,
    remaining integer,
    reset_after double precision
) returns void
language sql volatile
begin atomic
update smsgw.bucket as b
set
    foreign_spent = greatest(0, window_limit - remaining - known_spent - (b.taken_total - known_total))::integer,
    foreign_until = clock_timestamp() + make_interval(secs => reset_after),
    foreign_seen_at = taken_at
where b.name = bucket_name and (b.foreign_seen_at is null or b.foreign_seen_at <= taken_at);
end;

-- The provider answered 429: nothing is sent for `retry_after` seconds, and half of the allowance stays in use. It is halved
-- once a period, however many requests were in flight: all of them met the same full window.
create function smsgw.throttle_bucket(bucket_name text, retry_after double precision) returns void
language sql volatile
begin atomic
update smsgw.bucket as b
set
    blocked_until = greatest(b.blocked_until, now.at + make_interval(secs => retry_after)),
    rate_factor = case
        when b.throttled_at > now.at - make_interval(secs => b.period) then b.rate_factor
        else greatest(
            0.1,
            0.5 * least(
                1.0,
                b.rate_factor
                + 0.05 * floor(greatest(0, coalesce(extract(epoch from now.at - b.throttled_at), 0)) / b.period)
            )
        )
    end,
    throttled_at = case
        when b.throttled_at > now.at - make_interval(secs => b.period) then b.throttled_at
        else now.at
    end
from (select clock_timestamp() as at) as now
where b.name = bucket_name;
end;

-- The tokens of a pace at a moment, before anything is taken. It holds two seconds of its rate, and at least one token. A
-- clock that was set back adds nothing.
create function smsgw.pace_tokens(b smsgw.bucket, moment timestamptz) returns double precision
language sql stable parallel safe
return least(
    greatest(1.0, 2.0 * b.allowance / b.period),
    b.tokens + greatest(0, extract(epoch from moment - b.counted_at)) * b.allowance / b.period
);

-- Take up to so many whole tokens of each of these paces, and return what was taken and how long it is until the next
-- token. What the claim does not use it gives back (smsgw.give_back_paces). Locks the rows in the order of their names.
create function smsgw.take_paces(names text[], wanted double precision[])
returns table (name text, tokens double precision, wait double precision)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    b smsgw.bucket;
    clock_now timestamptz;
    held double precision;
begin
    for b in select * from smsgw.bucket as row where row.name = any(names) order by row.name for update loop
        clock_now := clock_timestamp();
        held := smsgw.pace_tokens(b, clock_now);
        name := b.name;
        tokens := greatest(0, least(floor(held + 1e-9), wanted[array_position(names, b.name)]));
        wait := greatest(0, (1 - held) * b.period / b.allowance);
        update smsgw.bucket as row
        set tokens = held - take_paces.tokens, counted_at = clock_now
        where row.name = b.name and take_paces.tokens > 0;
        return next;
    end loop;
end;
$$;

-- Give back the part of paces that a claim did not use. It is negative if a long message borrowed.
create function smsgw.give_back_paces(names text[], unused double precision[]) returns void
language sql volatile
begin atomic
update smsgw.bucket as b
set tokens = b.tokens + e.unused
from unnest(names, unused) as e (name, unused)
where b.name = e.name and e.unused <> 0;
end;
