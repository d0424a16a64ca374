-- What sessions of the gateway would set for themselves, and cannot through PgBouncer. Run once by the administrator,
-- for the role that the gateway logs in as (here: smsgw_run).
-- Longer than the gateway's own limit of 35 s, and it must stay so: see docs/high-availability.md, "Time limits".
alter role smsgw_run set statement_timeout = '40s';
alter role smsgw_run set lock_timeout = '10s';
alter role smsgw_run set idle_in_transaction_session_timeout = '15s';
alter role smsgw_run set timezone = 'UTC';
-- The gateway refuses a session without it: names in its statements could mean objects of other roles. Sessions that
-- PgBouncer opened before keep the old value; RECONNECT in its console closes them.
alter role smsgw_run set search_path = pg_catalog, pg_temp;
