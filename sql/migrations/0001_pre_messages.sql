-- Messages and requests, the two units of the gateway. A message is one row of smsgw.outbox: one text for one recipient.
-- A request is one row of smsgw.request: one HTTP call under one request id, for one or more messages.

create schema if not exists smsgw;

-- Enum values stand in rank order: a status only moves up, and queries compare with `<`.

-- There is no value for "ready": a message without a request is ready, so nothing is stored.
create type smsgw.request_status as enum ('in_flight', 'uncertain', 'rejected', 'accepted');

-- `undelivered`, `undeliverable`, `rejected` and `failed` share one rank; see smsgw.delivery_rank.
create type smsgw.delivery_status as enum (
    'none', 'sent', 'unknown', 'undelivered', 'undeliverable', 'rejected', 'failed', 'delivered'
);

-- Why a message was not sent. A receipt that says otherwise clears it.
create type smsgw.terminal_status as enum ('failed', 'expired', 'suppressed', 'cancelled');

-- Why a waiting message is outside the claim index.
create type smsgw.parked_by as enum ('pause', 'order_key');

-- Operators change lanes without a restart. Urgent lanes go strictly first; the others share by weight.
create table smsgw.lane (
    name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,30}$'),
    urgent boolean not null default false,
    weight integer not null default 1 check (weight between 1 and 1000),
    ttl interval not null check (ttl > interval '0'),
    coalesce boolean not null default true,
    on_uncertain text not null default 'hold' check (on_uncertain in ('hold', 'resend')),
    max_attempts integer not null default 12 check (max_attempts between 1 and 1000),
    -- The part of the request limit that an urgent lane may use, so that an application that requests login codes in a
    -- loop cannot stop all other lanes. 100 means no cap.
    cap_percent integer not null default 100 check (cap_percent between 1 and 100),
    -- The part of the request limit that other lanes leave free for an urgent lane, so that a burst of login codes goes at
    -- once in the middle of a campaign. The reserves of all urgent lanes add up.
    reserve_percent integer not null default 0 check (reserve_percent between 0 and 90),
    -- The intake accepts `not_before` up to ten years ahead and `expires_at` up to twenty.
    constraint lane_ttl_bounded check (ttl <= interval '5 years')
);

insert into smsgw.lane (name, urgent, weight, ttl, coalesce, cap_percent, reserve_percent) values
('otp', true, 1, interval '5 minutes', false, 80, 20),
('default', false, 4, interval '24 hours', true, 100, 0),
('bulk', false, 1, interval '72 hours', true, 100, 0);

-- Without statistics the planner assumes hundreds of lanes and chooses a bad plan for claim/scan_queue_heads.sql.
analyze smsgw.lane;

-- Eight-byte columns first, so that rows need no padding.
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

    -- Columns of the gateway. Applications have no privilege on them.
    delivered_at timestamptz,
    final_at timestamptz,
    request_id uuid,
    delivery_status smsgw.delivery_status not null default 'none',
    terminal_status smsgw.terminal_status,
    parked_by smsgw.parked_by,
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
    -- The paused tag, if `parked_by` is 'pause'. Resume finds the messages by it.
    park_reason text,
    -- Requests that carried this message before, oldest first. Null for nearly all messages.
    earlier_requests uuid[]
)
-- The claim and the receipt each update a row once. Room on the page keeps the receipt's update HOT.
with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- Indexes on outbox. None may name a column that a receipt changes (delivery_status, delivered_at, final_at), neither as
-- a key nor in its predicate: the update of every delivered message would no longer be HOT.

-- The claim index: waiting messages in claim order within a lane, tenant and sender. Finished messages are not in it, so
-- ten million of them cost a claim nothing. By sender, because each sender has its own rate limit and must not block
-- another. 0 is the default sender.
create index outbox_waiting on smsgw.outbox (lane, tenant, coalesce(sender_id, 0), not_before, id)
where request_id is null and terminal_status is null and parked_by is null;

-- Messages whose tag is paused. They are outside the claim index, so that no claim reads past a paused campaign of a
-- million rows.
create index outbox_parked_pause on smsgw.outbox (park_reason, id)
where request_id is null and terminal_status is null and parked_by = 'pause';

-- Messages behind another of their order key. They are outside the claim index, so that no claim reads past a hundred
-- thousand messages of one key.
create index outbox_parked_order on smsgw.outbox (tenant, order_key, id)
where request_id is null and terminal_status is null and parked_by = 'order_key';

-- Waiting messages by expiry, soonest first.
create index outbox_expiring on smsgw.outbox (expires_at)
where request_id is null and terminal_status is null;

create unique index outbox_dedupe on smsgw.outbox (tenant, dedupe_key) where dedupe_key is not null;

-- The predecessor of a message under its order key: the last one before it that is not terminal. Terminal ones are left
-- out, so that a key with thousands of expired messages still costs one probe.
create index outbox_order on smsgw.outbox (tenant, order_key, id) where order_key is not null and terminal_status is null;

-- Operators search by the application's own id.
create index outbox_reference on smsgw.outbox (reference) where reference is not null;

-- With the id, so that the newest messages to a number need no sort.
create index outbox_to_number on smsgw.outbox (to_number, id) where to_number is not null;

-- Messages that were not sent, newest first: the list an operator works through.
create index outbox_terminal on smsgw.outbox (terminal_status, id) where terminal_status is not null;

-- Messages to groups: few, so this index also holds the final ones and need not name final_at.
create index outbox_group on smsgw.outbox (id) where to_group_id is not null;

create table smsgw.request (
    -- Sent as X-Request-Id in 32 hex digits. The first 48 bits are a clock, so that the index grows at one end.
    id uuid primary key,
    created_at timestamptz not null default clock_timestamp(),
    -- When the next attempt may be made.
    available_at timestamptz not null default clock_timestamp(),
    -- Until when the worker with `claim_token` may send. Null unless leased.
    lease_expires_at timestamptz,
    first_attempt_at timestamptz,
    -- Start of the first attempt that may have reached the provider. The idempotency horizon is counted from here.
    maybe_arrived_at timestamptz,
    accepted_at timestamptz,
    -- When the provider's whole listing was last read without finding this request.
    last_polled_at timestamptz,
    sender_id bigint,
    claim_token uuid,
    parent_id uuid,
    status smsgw.request_status not null default 'in_flight',
    attempts integer not null default 0,
    -- Attempts whose lease expired: the worker did not come back. Counted apart from refusals.
    crashes integer not null default 0,
    -- Attempts that count against a limit, one counter for each. An attempt that was certainly not sent may be repeated
    -- until the message expires; an ambiguous one only within the idempotency horizon. Waiting for tokens and a 429 count
    -- in neither.
    never_sent_attempts integer not null default 0,
    ambiguous_attempts integer not null default 0,
    parts integer not null,
    -- Members without a final receipt. The poller asks only about requests that have some.
    pending_receipts integer not null,
    total_sent integer,
    generation smallint not null default 0,
    route text not null,
    lane text not null,
    tenant text not null,
    worker text,
    external_id text not null,
    provider_message_id text,
    reason text,
    -- Why the provider's listing must be asked about this request: `shortfall`, `unexpected_duplicate` or `uncertain`.
    verify_reason text,
    outbound_ids bigint[],
    members bigint[] not null check (cardinality(members) between 1 and 1000),
    -- The exact bytes of every attempt. Deleted on acceptance: after that, nothing may be sent under this id again.
    body bytea,
    constraint request_lease_has_token check ((lease_expires_at is null) = (claim_token is null))
)
with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- Due retries and expired leases, in one range scan for each lane and sender. By sender, because a sender without tokens
-- must not block the retries of another.
create index request_due on smsgw.request (lane, coalesce(sender_id, 0), coalesce(lease_expires_at, available_at))
where status = 'in_flight';

create index request_uncertain on smsgw.request (created_at) where status = 'uncertain';

create index request_pending_receipts on smsgw.request (accepted_at) where status = 'accepted' and pending_receipts > 0;

create table smsgw.attempt (
    request_id uuid not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    number integer not null,
    http_status smallint,
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
-- Each attempt is inserted and updated once. With the server's default autovacuum threshold, an hour at 200 messages a
-- second left 76,000 dead rows (docs/performance.md, "Dead tuples under steady load").
with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- What receipts say about each number of a provider's group. The numbers of a group are known only from its receipts.
create table smsgw.group_delivery (
    message_id bigint not null,
    generation smallint not null,
    number text not null,
    delivery_status smsgw.delivery_status not null,
    happened_at timestamptz not null,
    primary key (message_id, generation, number)
)
with (fillfactor = 85);

-- Rows that the gateway sends as one array (docs/decisions/0003-composite-arrays.md). A type is never altered: the previous
-- release still sends the old number of fields during a rolling upgrade. A new field needs a new type.
create type smsgw.new_request as (
    id uuid,
    external_id text,
    body bytea,
    members bigint[],  -- noqa: LT01
    parts integer,
    lane text,
    tenant text,
    sender_id bigint,
    generation smallint
);

create type smsgw.attempt_result as (
    request_id uuid,
    claim_token uuid,
    number integer,
    outcome text,
    http_status smallint,
    error text,
    provider_request_id text,
    retry_after real,
    duration real,
    status text,
    delay double precision,
    spent boolean,
    maybe_arrived boolean,
    provider_message_id text,
    outbound_ids bigint[],  -- noqa: LT01
    total_sent integer,
    verify_reason text,
    reason text
);
