-- What the provider tells us, what people decide, and what all replicas must agree on.

-- Every webhook body and every row of the provider's listing, once per distinct content, as it came.
create table smsgw.receipt (
    id bigint generated always as identity primary key,
    received_at timestamptz not null default clock_timestamp(),
    -- The provider's own time of the event; null where the body does not say.
    happened_at timestamptz,
    folded_at timestamptz,
    -- Filled by the fold, where the receipt found its message.
    message_id bigint,
    -- Parsed out of the external id; null where the external id is not one of ours.
    request_id uuid,
    generation smallint,
    delivery smsgw.delivery,
    result text check (result in ('applied', 'repeated', 'conflict', 'stale', 'noted', 'unmatched', 'foreign')),
    source text not null check (source in ('webhook', 'poll')),
    event text not null,
    number text,
    external_id text,
    provider_message_id text,
    -- The status as the provider wrote it, a code or a word.
    status text,
    -- Of a reply: the number it was sent to, its text, and the provider's id of it.
    reply_to_number text,
    reply_text text,
    provider_reply_id text,
    digest bytea not null unique check (octet_length(digest) = 32),
    raw bytea not null
)
with (autovacuum_vacuum_scale_factor = 0.02);

create index receipt_unfolded on smsgw.receipt (id) where folded_at is null;
create index receipt_unmatched on smsgw.receipt (request_id) where result = 'unmatched';
create index receipt_message on smsgw.receipt (message_id) where message_id is not null;

create table smsgw.inbound (
    id bigint generated always as identity primary key,
    received_at timestamptz not null default clock_timestamp(),
    happened_at timestamptz,
    receipt_id bigint unique,
    from_number text not null,
    to_number text,
    body text,
    -- `stop`, `start` or `help` where the reply is one of the keywords carriers know.
    keyword text check (keyword in ('stop', 'start', 'help')),
    external_id text,
    provider_reply_id text
);

create index inbound_from_number on smsgw.inbound (from_number, id);

create table smsgw.suppression (
    number text primary key,
    created_at timestamptz not null default clock_timestamp(),
    source text not null check (source in ('reply', 'operator', 'import', 'provider')),
    reason text
);

-- Token buckets, taken inside the claim's transaction by the database's clock (gateway/domain/token_bucket.py has the
-- arithmetic). A row here is a lock: every claim takes the rows it needs in the order of their names.
create table smsgw.bucket (
    name text primary key,
    tokens double precision not null,
    counted_at timestamptz not null,
    -- What the settings allow. `paced` buckets protect a queue, the others a window that must never overflow.
    allowance double precision not null check (allowance > 0),
    period double precision not null check (period > 0),
    margin double precision not null check (margin >= 0),
    paced boolean not null default false,
    -- What the provider's answers have taught: the share of the rate in use, and until when nothing may go.
    share double precision not null default 1 check (share > 0 and share <= 1),
    blocked_until timestamptz,
    throttled_at timestamptz
)
with (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);

-- The health of the way to the provider, shared by all replicas. After enough failures in a row the breaker opens;
-- when `retry_at` has passed, one live request is the probe, and `retry_at` moves on so that it stays the only one.
create table smsgw.route (
    name text primary key,
    failures integer not null default 0,
    opened_at timestamptz,
    retry_at timestamptz,
    last_error text,
    last_error_at timestamptz
)
with (fillfactor = 50);

-- Whose turn it is: how much each lane, and each tenant inside a lane, was served, divided by its weight. The
-- smallest goes next. The row of a lane itself has `*` for its tenant.
create table smsgw.share (
    lane text not null,
    tenant text not null,
    served double precision not null default 0,
    primary key (lane, tenant)
)
with (fillfactor = 50);

-- What stands still, why, and until when. `subject` is empty for scope `all`.
create table smsgw.pause (
    scope text not null check (scope in ('all', 'route', 'lane', 'tenant', 'tag')),
    subject text not null default '',
    paused_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    actor text not null,
    reason text not null,
    primary key (scope, subject)
);

create table smsgw.operator_action (
    id bigint generated always as identity primary key,
    happened_at timestamptz not null default clock_timestamp(),
    actor text not null,
    action text not null,
    reason text,
    detail jsonb not null default '{}',
    message_ids bigint[] not null default '{}'
);

create index operator_action_messages on smsgw.operator_action using gin (message_ids);

-- Who runs: one row for each running process, refreshed by its heartbeat.
create table smsgw.replica (
    worker text primary key,
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    host text not null,
    pid integer not null,
    version text not null,
    duties text[] not null
);
