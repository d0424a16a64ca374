-- Remember how much lanes and tenants were served. $1 lanes, $2 tenants ('*' for the lane itself), $3 served.
-- Runs under the lock of the request bucket, so no two claims write these rows at once.
insert into smsgw.share (lane, tenant, served)
select n.lane, n.tenant, n.served
from unnest($1::text[], $2::text[], $3::double precision[]) as n (lane, tenant, served)
on conflict (lane, tenant) do update set served = excluded.served, served_at = now();
