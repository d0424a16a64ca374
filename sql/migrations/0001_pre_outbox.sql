-- The two units of the design: the message (one row of smsgw.outbox, one recipient) and the request (one row of
-- smsgw.request, one HTTP call under one request id, carrying one or many messages); and the log of attempts.

create schema if not exists smsgw;

-- Declared in rank order: truth only moves up, and the fold compares with `<`.
-- "ready" is not here: a message without a request is ready, and there is nothing to store.
create type smsgw.dispatch as enum ('in_flight', 'uncertain', 'rejected', 'accepted');

-- undelivered, undeliverable, rejected and failed share one rank (see smsgw.delivery_rank).
create type smsgw.delivery as enum (
    'none', 'sent', 'unknown', 'undelivered', 'undeliverable', 'rejected', 'failed', 'delivered'
);

-- Why a message will not be sent any more, where no receipt says otherwise.
create type smsgw.ending as enum ('failed', 'expired', 'suppressed', 'cancelled');

create function smsgw.delivery_rank(delivery smsgw.delivery) returns integer
language sql immutable parallel safe
return case
    when delivery <= 'unknown' then array_position(array['none', 'sent', 'unknown'], delivery::text)
    when delivery < 'delivered' then 4
    else 5
end;

-- One row for the whole installation: what the view and the functions need to know of the settings.
create table smsgw.installation (
    singleton boolean primary key default true check (singleton),
    id uuid not null default gen_random_uuid(),
    unconfirmed_after interval not null default interval '72 hours'
);

insert into smsgw.installation default values;

-- What an operator may tune without a restart. Lanes with `urgent` go strictly first; the others share by weight.
create table smsgw.lane (
    name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,30}$'),
    urgent boolean not null default false,
    weight integer not null default 1 check (weight between 1 and 1000),
    ttl interval not null check (ttl > interval '0'),
    coalesce boolean not null default true,
    on_uncertain text not null default 'hold' check (on_uncertain in ('hold', 'resend')),
    max_attempts integer not null default 12 check (max_attempts between 1 and 1000),
    -- Of the request limit, what an urgent lane may use at the most, so that a loop that asks for login codes
    -- can't silence everything else. 100 = no cap.
    cap_percent integer not null default 100 check (cap_percent between 1 and 100)
);

insert into smsgw.lane (name, urgent, weight, ttl, coalesce, cap_percent) values
('otp', true, 1, interval '5 minutes', false, 80),
('default', false, 4, interval '24 hours', true, 100),
('bulk', false, 1, interval '72 hours', true, 100);

-- Column order: eight-byte columns first, so that no row carries padding.
create table smsgw.outbox (
    id bigint generated always as identity primary key,
    created_at timestamptz not null default clock_timestamp(),
    not_before timestamptz not null default now(),
    expires_at timestamptz not null,
    to_subscriber_id bigint,
    to_group_id bigint,
    template_id bigint,
    link_id bigint,
    sender_id bigint,

    -- The gateway's own columns; the application has no privilege on them.
    delivered_at timestamptz,
    final_at timestamptz,
    request_id uuid,
    delivery smsgw.delivery not null default 'none',
    ending smsgw.ending,
    generation smallint not null default 0,
    parts smallint,

    to_number text,
    body text,
    media_url text,
    variables jsonb,
    lane text not null default 'default',
    tenant text not null default '',
    tags jsonb,
    reference text,
    dedupe_key text,
    order_key text,
    traceparent text,
    reason text,
    -- Requests that carried this message before and were refused whole, oldest first. Empty for all but a few rows.
    earlier_requests uuid[]
)
-- The claim and the fold each rewrite a row once: room on the page keeps the fold's rewrite there (HOT).
with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- The claim's index, in claim order inside a lane and tenant. It holds waiting rows only, so ten million
-- finished rows cost it nothing.
create index outbox_waiting on smsgw.outbox (lane, tenant, not_before, id)
where request_id is null and ending is null;

-- What must be taken off the table unsent, soonest first.
create index outbox_expiring on smsgw.outbox (expires_at)
where request_id is null and ending is null;

create unique index outbox_dedupe on smsgw.outbox (tenant, dedupe_key) where dedupe_key is not null;

-- The predecessor of a message under its order key.
create index outbox_order on smsgw.outbox (tenant, order_key, id) where order_key is not null;

-- Operators search by the application's own id and by number; both find few rows.
create index outbox_reference on smsgw.outbox (reference) where reference is not null;
-- With the id, so that the newest messages to a number come without a sort, however many there are.
create index outbox_to_number on smsgw.outbox (to_number, id) where to_number is not null;

-- What was ended by us, newest first: the list an operator works through.
create index outbox_ended on smsgw.outbox (ending, id) where ending is not null;

-- Time ranges over the whole history, in a few kilobytes.
create index outbox_created on smsgw.outbox using brin (created_at);

create table smsgw.request (
    -- Sent as X-Request-Id in 32 hex digits; its first 48 bits are a clock, so that the index grows at one end.
    id uuid primary key,
    created_at timestamptz not null default clock_timestamp(),
    -- While `claim_token` is set: the end of the lease. Otherwise: when the next attempt may be made.
    due_at timestamptz not null,
    first_attempt_at timestamptz,
    -- When the first attempt began that may have reached the provider. The horizon is counted from here.
    maybe_arrived_at timestamptz,
    accepted_at timestamptz,
    sender_id bigint,
    claim_token uuid,
    parent_id uuid,
    dispatch smsgw.dispatch not null default 'in_flight',
    attempts integer not null default 0,
    -- Attempts whose worker never came back. They are not refusals, and they are counted apart.
    crashes integer not null default 0,
    -- Attempts that used up retry budget; waiting for tokens and 429 do not.
    spent integer not null default 0,
    parts integer not null,
    -- Members whose delivery is not final; the poller asks only while there are some.
    unsettled integer not null,
    total_sent integer,
    generation smallint not null default 0,
    route text not null,
    lane text not null,
    tenant text not null,
    worker text,
    external_id text not null,
    provider_message_id text,
    reason text,
    -- Why the provider's own listing must be asked about this request: shortfall, unexpected_duplicate, uncertain.
    verify text,
    outbound_ids bigint[],
    members bigint[] not null check (cardinality(members) between 1 and 1000),
    -- The exact bytes of every attempt. Dropped on acceptance: then nothing may ever be sent under this id again.
    body bytea
)
with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- Retries that are due and leases that have ended, in one range scan each lane.
create index request_due on smsgw.request (lane, due_at) where dispatch = 'in_flight';

create index request_uncertain on smsgw.request (created_at) where dispatch = 'uncertain';

create index request_unsettled on smsgw.request (accepted_at) where dispatch = 'accepted' and unsettled > 0;

create table smsgw.attempt (
    request_id uuid not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    number integer not null,
    status smallint,
    duration real,
    retry_after real,
    outcome text check (outcome in (
        'accepted', 'duplicate', 'duplicate_unexpected', 'throttled', 'refused', 'blocked', 'never_sent', 'ambiguous'
    )),
    error text,
    provider_request_id text,
    worker text not null,
    primary key (request_id, number)
)
with (fillfactor = 80);
