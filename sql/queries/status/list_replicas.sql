-- Return the replicas, the last seen first.
-- Reads a few rows. Locks nothing.
select
    r.worker,
    r.host,
    r.pid,
    r.version,
    r.components,
    extract(epoch from clock_timestamp() - r.started_at)::double precision as up,
    extract(epoch from clock_timestamp() - r.seen_at)::double precision as silent,
    extract(epoch from clock_timestamp() - r.held_back_at)::double precision as held_back,
    r.held_back_reason
from smsgw.replica as r
order by r.seen_at desc;
