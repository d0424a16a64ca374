-- Which search_path is in force, and who has it. It runs before anything else in a session, so it may use nothing that
-- the search_path decides: no operator, no cast, and only functions of pg_catalog by their full names.
select
    pg_catalog.current_setting('search_path') as search_path,
    pg_catalog.quote_ident(session_user) as role;
