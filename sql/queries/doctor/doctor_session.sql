-- Return facts about this session: the clock, the server's version, whether it is a standby, and whether it sees other
-- sessions.
select
    extract(epoch from clock_timestamp())::double precision as now,
    current_setting('server_version_num')::integer as version,
    pg_is_in_recovery() as standby,
    pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees_sessions;
