-- What operators need: to find one message among ten million, and to replay many without losing their place.

-- The id from which on messages were made at a moment or later, by bisection over the primary key: some thirty probes. Ids are
-- drawn in the order of time but for transactions that run beside each other, so callers give an hour of slack and
-- compare `created_at` itself.
create function smsgw.id_at(moment timestamptz) returns bigint
language plpgsql stable as $$
declare
    low bigint;
    high bigint;
    middle bigint;
    probe record;
begin
    select min(o.id), max(o.id) + 1 into low, high from smsgw.outbox as o;
    while low < high loop
        middle := low + (high - low) / 2;
        select o.id, o.created_at into probe from smsgw.outbox as o where o.id >= middle order by o.id limit 1;
        if probe.id is null or probe.created_at >= moment then
            high := middle;
        else
            low := probe.id + 1;
        end if;
    end loop;
    return coalesce(low, 0);
end
$$;

-- Messages that the carrier did not deliver, by way of their receipts: few among many. An index over `delivery` itself
-- would cost every delivered message the rewrite in place on its page (HOT).
create index receipt_undelivered on smsgw.receipt (message_id)
where message_id is not null and delivery >= 'undelivered' and delivery < 'delivered';

-- What stood still while a message waited belongs into its story.
create index operator_action_pauses on smsgw.operator_action (happened_at) where action in ('pause', 'resume');

-- The horizon of the gateways that send: what a replay counts as the same request to the provider. From the settings.
alter table smsgw.installation add column horizon interval not null default interval '10 minutes';

-- A replay that was begun: what is wanted, and how far it has come. Each batch moves `below` in its own transaction, so
-- a replay that was interrupted goes on where it stopped, and takes no message twice.
create table smsgw.replay (
    id bigint generated always as identity primary key,
    made_at timestamptz not null default clock_timestamp(),
    -- Messages that ended later are not meant: they were not in the count that the operator agreed to.
    ended_before timestamptz not null default clock_timestamp(),
    moved_at timestamptz,
    finished_at timestamptz,
    -- Messages from this id on are done.
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

grant select on smsgw.replay to smsgw_operator, smsgw_gateway;
grant insert on smsgw.replay to smsgw_operator, smsgw_gateway;
grant update on smsgw.replay to smsgw_operator, smsgw_gateway;
grant usage on all sequences in schema smsgw to smsgw_operator, smsgw_gateway;

-- The parts of a message that was never bound, as near as SQL can tell without the provider's rendering: for estimates.
create function smsgw.estimated_parts(body text, media_url text) returns integer
language sql immutable parallel safe
return case
    when media_url is not null or body is null then 1
    when octet_length(body) = char_length(body)
        then case when char_length(body) <= 160 then 1 else ceil(char_length(body) / 153.0)::integer end
    when char_length(body) <= 70 then 1
    else ceil(char_length(body) / 67.0)::integer
end;

-- A new function is closed until somebody decides (0015_pre_privileges.sql).
revoke execute on function smsgw.id_at, smsgw.estimated_parts from public;
grant execute on function smsgw.id_at, smsgw.estimated_parts to smsgw_operator, smsgw_gateway;
