-- Four roles that cannot log in; the administrator grants them. Roles belong to the whole cluster, so another
-- database of it may have made them already, perhaps at this very moment.
do $$
declare
    role_name text;
begin
    foreach role_name in array array['smsgw_app', 'smsgw_gateway', 'smsgw_operator', 'smsgw_reader'] loop
        begin
            execute format('create role %I nologin', role_name);
        exception
            when duplicate_object or unique_violation then null;
        end;
    end loop;
end
$$;

grant usage on schema smsgw to smsgw_app, smsgw_gateway, smsgw_operator, smsgw_reader;

-- The application: inserts the columns of the contract, reads the view. It may read its new row's id back, so that
-- INSERT … RETURNING id works.
revoke all on function smsgw.enqueue from public;
grant execute on function smsgw.enqueue to smsgw_app, smsgw_operator, smsgw_gateway;
grant insert (
    to_number, to_subscriber_id, to_group_id, body, template_id, link_id, media_url, variables, lane, tenant,
    sender_id, tags, reference, not_before, expires_at, dedupe_key, order_key, traceparent
) on smsgw.outbox to smsgw_app;
grant select (id) on smsgw.outbox to smsgw_app;
grant select on smsgw.lane to smsgw_app;
grant select on smsgw.message to smsgw_app;

-- The daemon: everything but the schema and but rewriting what people did.
grant select, insert, update, delete on all tables in schema smsgw to smsgw_gateway;
grant usage on all sequences in schema smsgw to smsgw_gateway;
revoke update, delete on smsgw.operator_action from smsgw_gateway;
revoke insert, update, delete on smsgw.migration from smsgw_gateway;

-- The operator: reads everything, changes through the command line and the console.
grant select on all tables in schema smsgw to smsgw_operator;
grant insert on smsgw.outbox, smsgw.request, smsgw.operator_action to smsgw_operator;
grant update on smsgw.outbox, smsgw.request, smsgw.lane, smsgw.bucket, smsgw.route to smsgw_operator;
grant insert, update, delete on smsgw.pause, smsgw.suppression, smsgw.lane to smsgw_operator;
grant usage on all sequences in schema smsgw to smsgw_operator;

-- Metrics: no numbers, no texts.
grant select (
    id, created_at, not_before, expires_at, delivered_at, final_at, request_id, delivery, ending, generation, parts,
    lane, tenant
) on smsgw.outbox to smsgw_reader;
grant select (
    id, created_at, due_at, first_attempt_at, maybe_arrived_at, accepted_at, sender_id, claim_token, parent_id,
    dispatch, attempts, crashes, spent, parts, unsettled, total_sent, generation, route, lane, tenant, worker,
    reason, verify, members
) on smsgw.request to smsgw_reader;
grant select (
    id, received_at, happened_at, folded_at, message_id, request_id, generation, delivery, result, source, event,
    status
) on smsgw.receipt to smsgw_reader;
grant select on smsgw.attempt, smsgw.bucket, smsgw.lane, smsgw.pause, smsgw.replica, smsgw.route, smsgw.share,
smsgw.installation, smsgw.migration to smsgw_reader;
