-- What all workers must agree on, and what operators decide.

-- The identity of this installation, and the settings that the view and the functions need. One row.
create table smsgw.installation (
    singleton boolean primary key default true check (singleton),
    id uuid not null default gen_random_uuid(),
    unconfirmed_after interval not null default interval '72 hours',
    -- The idempotency horizon: a replay within it counts as the same request to the provider.
    horizon interval not null default interval '10 minutes'
);

insert into smsgw.installation default values;

-- What a bucket limits: a `window` is a limit of the provider's that must never be exceeded in any period; a `pace` only
-- smooths the rate, because what exceeds it waits in the provider's own queue.
create type smsgw.bucket_kind as enum ('window', 'pace');

-- The limiter's buckets. smsgw.take_tokens and its neighbours (0004) are the only code that changes a row: each call is one
-- short transaction, so no claim waits for another's work, however far away that process is.
create table smsgw.bucket (
    name text primary key,
    kind smsgw.bucket_kind not null,
    -- From the settings: `allowance` tokens in `period` seconds. With `reserves`, lanes that are not urgent leave free what
    -- the urgent lanes reserve.
    allowance double precision not null check (allowance >= 1),
    period double precision not null check (period > 0),
    reserves boolean not null default false,

    -- The spent tokens of a window, one entry for each arrival bound: the last moment at which the requests can arrive at
    -- the provider. A token is free again one period after its bound. Bounds are stored, not the moments of return, so a
    -- changed period applies to tokens that are already spent.
    spent_bounds timestamptz[] not null default '{}',
    spent_urgent integer[] not null default '{}',
    spent_others integer[] not null default '{}',
    -- Tokens taken since the row was made. An answer tells by it how many were taken after its own.
    taken_total bigint not null default 0,
    -- Seconds by which the bounds were moved because the database's clock was set.
    clock_shift double precision not null default 0,

    -- What other programs on the account used, as far as the provider's answers show it, and until when it counts.
    foreign_spent integer not null default 0,
    foreign_until timestamptz,
    -- When the tokens of the newest answer that was looked at for this were taken. Older answers change nothing.
    foreign_seen_at timestamptz,

    -- Learned from 429s: the part of the allowance in use at `throttled_at`, and until when nothing may be sent.
    rate_factor double precision not null default 1 check (rate_factor > 0 and rate_factor <= 1),
    throttled_at timestamptz,
    blocked_until timestamptz,

    -- A pace: its tokens at `counted_at`. One long message may borrow, so they can be negative.
    tokens double precision not null default 0,
    counted_at timestamptz not null default clock_timestamp(),
    constraint bucket_entries_match check (
        cardinality(spent_bounds) = cardinality(spent_urgent) and cardinality(spent_bounds) = cardinality(spent_others)
    )
)
with (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);

-- The circuit breaker of each route, shared by all workers. After consecutive failures it opens. When `retry_at` has
-- passed, one request is the probe, and `retry_at` moves on so that it stays the only one.
create table smsgw.route (
    name text primary key,
    failures integer not null default 0,
    opened_at timestamptz,
    retry_at timestamptz,
    last_error text,
    last_error_at timestamptz,
    -- The request that is the probe. While it is in flight, failures of other requests change nothing.
    probe uuid
)
with (fillfactor = 50);

-- Stride scheduling: how much each lane, and each tenant within a lane, was served, divided by its weight. The lowest
-- pass value goes next. The tenant `*` stands for the lane itself.
create table smsgw.fair_share (
    lane text not null,
    tenant text not null,
    pass_value double precision not null default 0,
    -- Rows of tenants that are gone are deleted by it. It has no index: one would cost every claim that serves two queues
    -- its HOT updates.
    last_served_at timestamptz not null default now(),
    primary key (lane, tenant)
)
with (fillfactor = 50);

-- What is paused, why, and until when. `subject` is empty for scope `all`.
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

-- The timeline of a message shows the pauses that held it.
create index operator_action_pauses on smsgw.operator_action (happened_at) where action in ('pause', 'resume');

-- One row for each running worker, refreshed by its heartbeat.
create table smsgw.replica (
    worker text primary key,
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    host text not null,
    pid integer not null,
    version text not null,
    components text[] not null,
    -- The last attempt that was too late to be made, and why.
    held_back_at timestamptz,
    held_back_reason text
);

-- A replay and its progress. Each batch moves `below` in its own transaction, so a replay that was interrupted continues
-- where it stopped and takes no message twice.
create table smsgw.replay (
    id bigint generated always as identity primary key,
    made_at timestamptz not null default clock_timestamp(),
    -- Messages that became final later are left out: they were not in the count that the operator confirmed.
    ended_before timestamptz not null default clock_timestamp(),
    moved_at timestamptz,
    finished_at timestamptz,
    -- Messages with this id or a higher one are done.
    below bigint not null,
    planned bigint not null,
    replayed bigint not null default 0,
    same_id bigint not null default 0,
    resent bigint not null default 0,
    left_out bigint not null default 0,
    new_ttl double precision check (new_ttl > 0),
    allow_duplicates boolean not null default false,
    stopped boolean not null default false,
    actor text not null,
    reason text,
    filters jsonb not null
);

-- A sample of the whole installation for the console's plots: one row for each five seconds in which a console runs. A
-- day is kept: 17,280 rows.
create table smsgw.sample (
    at timestamptz primary key,
    -- By lane: waiting messages, seconds that the oldest has been ready, and messages put into requests in the five
    -- seconds before.
    waiting jsonb not null,
    oldest jsonb not null,
    sent jsonb not null,
    -- By bucket: the part of its allowance that is used, 0 to 1.
    limiter jsonb not null
)
with (autovacuum_vacuum_scale_factor = 0.05);
