-- Receipts to their end: what nobody ever matched is given up and counted, requests that were looked for at the provider
-- say when, and applications read final states in an order that skips nothing.

alter table smsgw.receipt drop constraint receipt_result_check;
alter table smsgw.receipt add constraint receipt_result_check check (
    result in ('applied', 'repeated', 'conflict', 'stale', 'noted', 'unmatched', 'foreign', 'given_up')
);

-- When the provider's whole listing was last read for this request without finding it.
alter table smsgw.request add column looked_at timestamptz;
grant select (looked_at) on smsgw.request to smsgw_reader;

-- The feed of final states. A sequence is drawn before its transaction commits, so whoever reads "everything after n"
-- from a table filled by many would skip what commits late. Hence two steps: each transaction leaves its news here…
create table smsgw.final_news (
    id bigint generated always as identity primary key,
    message_id bigint not null,
    state text not null,
    reason text,
    final_at timestamptz not null
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- …and one writer at a time, the folder, moves what is committed over here and gives it its place. What has a place is
-- followed only by what gets one later.
create table smsgw.final_feed (
    place bigint generated always as identity primary key,
    placed_at timestamptz not null default clock_timestamp(),
    message_id bigint not null,
    state text not null,
    reason text,
    final_at timestamptz not null
);

create function smsgw.outbox_final() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into smsgw.final_news (message_id, state, reason, final_at)
    values (
        new.id,
        case
            when new.delivery = 'delivered' then 'delivered'
            when new.delivery >= 'undelivered' then 'undelivered'
            else new.ending::text
        end,
        new.reason,
        new.final_at
    );
    return null;
end
$$;

-- Only statements that touch one of these columns ask at all: a claim and an acceptance do not.
create trigger final after update of final_at, delivery, ending on smsgw.outbox
for each row
when (
    new.final_at is not null
    and (new.delivery >= 'undelivered' or new.ending is not null)
    and (new.final_at, new.delivery, new.ending) is distinct from (old.final_at, old.delivery, old.ending)
)
execute function smsgw.outbox_final();

-- The next final states after a place, oldest first; remember the last place and ask again from there. Nothing that is
-- committed later ever gets a place before it. A message appears again when a late receipt changes its state.
-- LISTEN smsgw_final to hear that there is something new.
create function smsgw.final_states(after bigint default 0, max integer default 1000)
returns table (place bigint, message_id bigint, reference text, tenant text, state text, reason text, final_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select f.place, f.message_id, o.reference, o.tenant, f.state, f.reason, f.final_at
    from smsgw.final_feed as f
    inner join smsgw.outbox as o on f.message_id = o.id
    where f.place > final_states.after
    order by f.place
    limit greatest(0, least(final_states.max, 10000));
end;

-- What phones wrote back, for the application.
grant select on smsgw.inbound to smsgw_app;

revoke all on function smsgw.final_states from public;
grant execute on function smsgw.final_states to smsgw_app, smsgw_operator, smsgw_gateway;
grant select, insert, update, delete on smsgw.final_news, smsgw.final_feed to smsgw_gateway;
grant usage on all sequences in schema smsgw to smsgw_gateway;
grant select on smsgw.final_news, smsgw.final_feed to smsgw_operator;
