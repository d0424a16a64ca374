-- The application's side: what happens between its INSERT and its COMMIT.

-- Refuses a bad row with SQLSTATE 22023 and one sentence that names the column.
-- A trigger and not CHECK constraints: Postgres prints the whole failing row in the DETAIL of a check violation, and
-- so the number and the text would stand in the application's log and in the server's.
-- Locks nothing; reads one row of smsgw.lane by primary key.
create function smsgw.outbox_intake() returns trigger
language plpgsql as $$
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
        when char_length(new.body) > 4000 then 'body: must be at most 4000 characters'
        when new.template_id <= 0 then 'template_id: must be a positive number'
        when new.link_id is not null and new.template_id is null
            then 'link_id: has a meaning only together with template_id'
        when new.link_id <= 0 then 'link_id: must be a positive number'
        when new.media_url !~ '^https?://[^[:space:]]+$' or char_length(new.media_url) > 2048
            then 'media_url: must be an http or https address of at most 2048 characters'
        when jsonb_typeof(new.variables) <> 'object' then 'variables: must be a JSON object'
        when octet_length(new.variables::text) > 16384 then 'variables: must be at most 16 kB of JSON'
        when jsonb_typeof(new.tags) <> 'object' or jsonb_path_exists(new.tags, '$.* ? (@.type() <> "string")')
            then 'tags: must be a JSON object whose values are strings'
        when octet_length(new.tags::text) > 4096 then 'tags: must be at most 4 kB of JSON'
        when char_length(new.tenant) > 100 then 'tenant: must be at most 100 characters'
        when new.sender_id <= 0 then 'sender_id: must be a positive number'
        when char_length(new.reference) > 255 then 'reference: must be at most 255 characters'
        when char_length(new.dedupe_key) > 255 then 'dedupe_key: must be at most 255 characters'
        when char_length(new.order_key) > 255 then 'order_key: must be at most 255 characters'
        when new.traceparent !~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'
            then 'traceparent: must be a W3C trace context of version 00'
        when not isfinite(new.not_before) then 'not_before: must be a finite time'
    end;

    if complaint is null then
        select l.ttl into lane_ttl from smsgw.lane as l where l.name = new.lane;
        if not found then
            complaint := 'lane: no lane of that name is defined; an operator can add it with "smsgw lanes set"';
        else
            -- A message for the past counts its time to live from now on: it could not have been sent earlier.
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

-- The doorbell. NOTIFY takes a lock of the whole database cluster at commit and costs a busy application more than
-- half of its rate, so it is rung only while a gateway is about to sleep.
--
-- The signal is an advisory lock and not a flag in a table, because a lock is seen at once whatever the snapshot of
-- the inserting transaction. A gateway that wants to sleep holds it exclusively: then the try below fails and the
-- bell rings. While no gateway sleeps, the inserting transaction holds it shared until it ends, and so the gateway
-- gets it, and makes its last check, only after every transaction that did not ring has become visible.
create function smsgw.outbox_doorbell() returns trigger
language plpgsql as $$
begin
    if not pg_try_advisory_xact_lock_shared(1936552807, 1) then
        perform pg_notify('smsgw_outbox', '');
    end if;
    return null;
end
$$;

create trigger doorbell after insert on smsgw.outbox
for each statement execute function smsgw.outbox_doorbell();

-- INSERT with named arguments. With a dedupe_key that was used before, changes nothing and returns the first id.
-- Runs with its owner's rights only to read back that first id; the row's own checks are the triggers above.
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

    -- The row that stood in the way was committed before the INSERT gave up waiting for it, so a new statement
    -- sees it.
    if message_id is null then
        select o.id into message_id
        from smsgw.outbox as o
        where o.tenant = coalesce(enqueue.tenant, '') and o.dedupe_key = enqueue.dedupe_key;
    end if;
    return message_id;
end
$$;
