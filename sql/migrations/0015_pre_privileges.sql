-- Who may call what. Postgres lets everybody execute every function; here each role gets what its work needs, so that a
-- new function is closed until somebody decides. tests/security reads the catalog and holds docs/security.md to it.

-- The one that mattered: smsgw.outbox_final runs with its owner's rights, and whoever may execute a trigger function may
-- hang it on a temporary table of his own. So an application could have written final states into the feed of others.
revoke execute on all functions in schema smsgw from public;
grant execute on all functions in schema smsgw to smsgw_gateway;
revoke execute on function smsgw.outbox_final, smsgw.outbox_intake, smsgw.outbox_doorbell from smsgw_gateway;

-- What the view smsgw.message calls, it calls with the rights of its reader.
grant execute on function smsgw.message_state, smsgw.has_tag to smsgw_app, smsgw_operator;
grant execute on function smsgw.delivery_rank, smsgw.is_next to smsgw_operator;

-- Runs with the rights of whoever inserts, so its search path must not be his.
alter function smsgw.outbox_doorbell() set search_path = pg_catalog;

-- A status is whatever the provider wrote there; what it means stands in `delivery`.
revoke select (status) on smsgw.receipt from smsgw_reader;
