-- The four roles and every privilege. docs/security.md has the table, and a test holds it to the catalog.

-- The roles cannot log in; the administrator grants them. Roles belong to the whole cluster, so another database of it may
-- have created them already, or may be creating them at this moment.
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

-- Postgres lets every role execute every function. Here a new function is closed until it is granted. This matters most
-- for outbox_final, which runs with its owner's rights: a role that may execute a trigger function may attach it to a
-- temporary table of its own, and could so write final states into the feed of others.
revoke execute on all functions in schema smsgw from public;

-- smsgw_app, for applications: inserts the columns of the contract, reads the views and the feed. It may read `id`, so that
-- INSERT … RETURNING id works.
grant insert (
    to_number, to_subscriber_id, to_group_id, body, template_id, link_id, media_url, variables, lane, tenant,
    sender_id, tags, reference, not_before, expires_at, dedupe_key, order_key, traceparent
) on smsgw.outbox to smsgw_app;
grant select (id) on smsgw.outbox to smsgw_app;
grant select on smsgw.lane, smsgw.message, smsgw.inbound to smsgw_app;
grant execute on function smsgw.enqueue, smsgw.final_states to smsgw_app;
-- The view smsgw.message calls these with the rights of its reader.
grant execute on function smsgw.message_state, smsgw.has_tag to smsgw_app;

-- smsgw_gateway, for workers: everything except the schema, and except changing the log of operator actions.
grant select, insert, update, delete on
smsgw.lane, smsgw.outbox, smsgw.request, smsgw.attempt, smsgw.group_delivery, smsgw.receipt, smsgw.inbound,
smsgw.suppression, smsgw.final_state_pending, smsgw.final_feed, smsgw.installation, smsgw.bucket, smsgw.route,
smsgw.fair_share, smsgw.pause, smsgw.replica, smsgw.sample
to smsgw_gateway;
grant select, insert, update on smsgw.replay to smsgw_gateway;
grant select, insert on smsgw.operator_action to smsgw_gateway;
grant select on smsgw.message, smsgw.active_pause, smsgw.migration to smsgw_gateway;
grant usage on all sequences in schema smsgw to smsgw_gateway;
grant execute on function
smsgw.enqueue, smsgw.final_states, smsgw.message_state, smsgw.has_tag, smsgw.delivery_rank, smsgw.is_head_of_order_key,
smsgw.first_id_since, smsgw.min_request_id_at, smsgw.estimated_parts, smsgw.allowance_in_use, smsgw.window_forecast,
smsgw.reserve_of, smsgw.with_spent, smsgw.rounded_bound, smsgw.with_clock_step, smsgw.take_tokens,
smsgw.return_tokens, smsgw.note_foreign_use, smsgw.throttle_bucket, smsgw.pace_tokens, smsgw.take_paces,
smsgw.give_back_paces
to smsgw_gateway;

-- smsgw_operator, for people: reads everything, changes what the command line and the console change.
grant select on all tables in schema smsgw to smsgw_operator;
grant insert, update on smsgw.outbox, smsgw.request, smsgw.replay to smsgw_operator;
grant insert on smsgw.operator_action to smsgw_operator;
grant insert, update, delete on smsgw.lane, smsgw.pause, smsgw.suppression to smsgw_operator;
grant update on smsgw.bucket, smsgw.route to smsgw_operator;
grant usage on all sequences in schema smsgw to smsgw_operator;
grant execute on function
smsgw.enqueue, smsgw.final_states, smsgw.message_state, smsgw.has_tag, smsgw.delivery_rank, smsgw.is_head_of_order_key,
smsgw.first_id_since, smsgw.min_request_id_at, smsgw.estimated_parts, smsgw.allowance_in_use, smsgw.window_forecast,
smsgw.reserve_of, smsgw.with_spent, smsgw.rounded_bound, smsgw.with_clock_step, smsgw.take_tokens, smsgw.return_tokens,
smsgw.pace_tokens
to smsgw_operator;

-- smsgw_reader, for metrics: no numbers, no texts.
grant select (
    id, created_at, not_before, expires_at, delivered_at, final_at, request_id, delivery_status, terminal_status,
    parked_by, park_reason, generation, parts, lane, tenant
) on smsgw.outbox to smsgw_reader;
grant select (
    id, created_at, available_at, lease_expires_at, first_attempt_at, maybe_arrived_at, accepted_at, last_polled_at,
    sender_id, claim_token, parent_id, status, attempts, crashes, never_sent_attempts, ambiguous_attempts, parts,
    pending_receipts, total_sent, generation, route, lane, tenant, worker, reason, verify_reason, members
) on smsgw.request to smsgw_reader;
-- Not provider_status: the provider may write anything there.
grant select (
    id, received_at, happened_at, applied_at, message_id, request_id, generation, delivery_status, result, source, event
) on smsgw.receipt to smsgw_reader;
grant select (message_id, generation, delivery_status, happened_at) on smsgw.group_delivery to smsgw_reader;
grant select on
smsgw.lane, smsgw.attempt, smsgw.installation, smsgw.bucket, smsgw.route, smsgw.fair_share, smsgw.pause,
smsgw.active_pause, smsgw.replica, smsgw.sample, smsgw.migration
to smsgw_reader;
grant execute on function
smsgw.allowance_in_use, smsgw.window_forecast, smsgw.reserve_of, smsgw.pace_tokens
to smsgw_reader;
