-- The runner's own table: which files this database has seen, and what they said.
-- Runs before every migration under the runner's advisory lock; does nothing where it exists.
create schema if not exists smsgw;

create table if not exists smsgw.migration (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text not null default current_user
);
