-- Return the grantees through which the application, or everyone (PUBLIC), may create objects in schema public.
-- An application that acts as the owner of our schema or as a superuser is left out: it can create objects anyway.
-- Reads the catalogue.
select case when a.grantee = 0 then 'PUBLIC' else quote_ident(g.rolname) end as grantee
from pg_namespace as n
cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as a
left join pg_roles as g on a.grantee = g.oid
where
    n.nspname = 'public'
    and a.privilege_type = 'CREATE'
    and (
        a.grantee = 0
        or exists (
            select 1
            from pg_roles as r
            inner join pg_roles as app on app.rolname = 'smsgw_app'
            inner join pg_namespace as ours on ours.nspname = 'smsgw'
            where
                not r.rolsuper
                and pg_has_role(r.oid, app.oid, 'member')
                and pg_has_role(r.oid, a.grantee, 'member')
                and not pg_has_role(r.oid, ours.nspowner, 'member')
        )
    )
order by 1;
