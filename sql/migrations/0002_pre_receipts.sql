-- What the provider reports, and the feed of final states.

-- Every webhook body and every row of the provider's listing, once per distinct content, as it came.
create table smsgw.receipt (
    id bigint generated always as identity primary key,
    received_at timestamptz not null default clock_timestamp(),
    -- The provider's own time of the event; null if the body has none.
    happened_at timestamptz,
    applied_at timestamptz,
    -- Set when the receipt is applied, if it matches a message.
    message_id bigint,
    -- Parsed from the external id; null if the external id is not one of ours.
    request_id uuid,
    generation smallint,
    delivery_status smsgw.delivery_status,
    result text check (result in (
        'applied', 'repeated', 'conflict', 'stale', 'noted', 'unmatched', 'foreign', 'abandoned'
    )),
    source text not null check (source in ('webhook', 'poll')),
    event text not null,
    number text,
    external_id text,
    provider_message_id text,
    -- The status as the provider wrote it: a code or a word. `delivery_status` is its meaning.
    provider_status text,
    -- Of a reply: the number it was sent to, its text, and the provider's id of it.
    reply_to_number text,
    reply_text text,
    provider_reply_id text,
    digest bytea not null unique check (octet_length(digest) = 32),
    raw bytea not null
)
with (autovacuum_vacuum_scale_factor = 0.02);

create index receipt_unapplied on smsgw.receipt (id) where applied_at is null;
create index receipt_unmatched on smsgw.receipt (request_id) where result = 'unmatched';
create index receipt_message on smsgw.receipt (message_id) where message_id is not null;

-- Messages that the carrier did not deliver, found by their receipts. An index on outbox.delivery_status would cost every
-- delivered message its HOT update.
create index receipt_undelivered on smsgw.receipt (message_id)
where message_id is not null and delivery_status >= 'undelivered' and delivery_status < 'delivered';

-- Replies.
create table smsgw.inbound (
    id bigint generated always as identity primary key,
    received_at timestamptz not null default clock_timestamp(),
    happened_at timestamptz,
    receipt_id bigint unique,
    from_number text not null,
    to_number text,
    body text,
    -- Set if the reply is one of the keywords that carriers define.
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

-- Newest first. A page of the list continues from a time, because its address must not contain a number.
create index suppression_created on smsgw.suppression (created_at);

-- The feed of final states, in two steps. A sequence value is drawn before its transaction commits, so a reader of
-- "everything after n" in a table with many writers would skip what commits late. Therefore each transaction adds its
-- final states to this table…
create table smsgw.final_state_pending (
    id bigint generated always as identity primary key,
    message_id bigint not null,
    state text not null,
    reason text,
    final_at timestamptz not null
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- …and one writer at a time moves the committed ones here, where each gets its position. A later commit never gets an
-- earlier position. The state is stored again on purpose: this is a log of events, and outbox has the latest state only.
create table smsgw.final_feed (
    position bigint generated always as identity primary key,
    published_at timestamptz not null default clock_timestamp(),
    message_id bigint not null,
    state text not null,
    reason text,
    final_at timestamptz not null
);
