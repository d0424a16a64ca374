-- What the console remembers: a sample of the whole installation every few seconds, for its plots, and searches that
-- somebody gave a name.

-- One row for each five seconds in which a console ran, whichever wrote first. A day of them is kept: 17,280 rows.
create table smsgw.sample (
    at timestamptz primary key,
    -- By lane: messages waiting, seconds since the oldest of them could have gone, and messages bound to requests in the
    -- five seconds before.
    waiting jsonb not null,
    oldest jsonb not null,
    sent jsonb not null,
    -- By bucket: which part of what it may hold is used up, 0 to 1.
    limiter jsonb not null
)
with (autovacuum_vacuum_scale_factor = 0.05);

create table smsgw.saved_view (
    name text primary key check (char_length(name) between 1 and 60),
    -- Filters of the list of messages by name. A phone number is none of them.
    filters jsonb not null check (jsonb_typeof(filters) = 'object'),
    made_by text not null,
    made_at timestamptz not null default clock_timestamp()
);

-- The smallest id that a request of a moment can have: ids begin with a clock, so a range of time is a range of the
-- primary key.
create function smsgw.request_floor(moment timestamptz) returns uuid
language sql immutable parallel safe
return (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

grant select, insert, update, delete on smsgw.sample, smsgw.saved_view to smsgw_gateway;
grant select, insert, update, delete on smsgw.saved_view to smsgw_operator;
grant select on smsgw.sample to smsgw_operator, smsgw_reader;

-- A new function is closed until somebody decides (0015_pre_privileges.sql).
revoke execute on function smsgw.request_floor from public;
grant execute on function smsgw.request_floor to smsgw_operator, smsgw_gateway;
