-- Store the pass values of lanes and tenants.
-- $1 lanes, $2 tenants (`*` for the lane itself), $3 pass values.
-- The caller holds the lock of the request bucket, so two claims never write these rows at once. Primary key.
insert into smsgw.fair_share (lane, tenant, pass_value)
select n.lane, n.tenant, n.pass_value
from unnest($1::text[], $2::text[], $3::double precision[]) as n (lane, tenant, pass_value)
on conflict (lane, tenant) do update set pass_value = excluded.pass_value, last_served_at = now();
