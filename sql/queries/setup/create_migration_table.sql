-- Create the table of applied migrations, if there is none.
-- Runs before every migration, under the advisory lock of migrations.
create schema if not exists smsgw;

create table if not exists smsgw.migration (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text not null default current_user
);
