-- Return what the session's role may do, and which privileges of smsgw_gateway it lacks.
-- Reads the catalogue.
select
    current_user::text as role,
    (select r.rolsuper from pg_roles as r where r.rolname = current_user) as superuser,
    pg_has_role(current_user, (select c.relowner from pg_class as c where c.oid = 'smsgw.outbox'::regclass), 'usage') as owner,
    pg_has_role(current_user, 'smsgw_operator', 'usage') as operator,
    array(
        select n.relation || ': ' || n.privilege
        from (
            values
            ('outbox', 'select'), ('outbox', 'insert'), ('outbox', 'update'), ('outbox', 'delete'), ('request', 'insert'),
            ('request', 'update'), ('request', 'delete'), ('attempt', 'insert'), ('attempt', 'update'), ('receipt', 'insert'),
            ('receipt', 'update'), ('bucket', 'insert'), ('bucket', 'update'), ('route', 'update'), ('fair_share', 'insert'),
            ('pause', 'insert'), ('pause', 'delete'), ('suppression', 'insert'), ('replica', 'insert'),
            ('operator_action', 'insert'), ('lane', 'select'), ('installation', 'update'), ('final_feed', 'insert'),
            ('replay', 'update')
        ) as n (relation, privilege)
        where not has_table_privilege('smsgw.' || n.relation, n.privilege)
    ) as missing,
    has_table_privilege('smsgw.operator_action', 'update, delete') as may_rewrite_the_log;
