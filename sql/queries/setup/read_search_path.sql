-- Return the search_path that is in force, and the role of the session. It runs before anything else in a session, so it
-- uses nothing that the search_path decides: no operator, no cast, and only functions with their schema.
select
    pg_catalog.current_setting('search_path') as search_path,
    pg_catalog.quote_ident(session_user) as role;
