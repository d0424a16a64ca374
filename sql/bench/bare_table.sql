-- The columns of smsgw.outbox that are used, with a primary key: no trigger, no check, no other index.
create schema if not exists bench;

create table if not exists bench.bare (
    id bigint generated always as identity primary key,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null default now() + interval '3 days',
    token uuid,
    state smallint not null default 0,
    to_number text,
    body text,
    reference text
)
with (fillfactor = 85);

create index if not exists bare_waiting on bench.bare (id) where state = 0;

-- For the INSERT: the primary key alone.
create table if not exists bench.bare_rows (like bench.bare including defaults including identity, primary key (id));
