-- Return every lane.
-- Reads a few rows. Locks nothing.
select
    l.name,
    l.urgent,
    l.weight,
    extract(epoch from l.ttl)::double precision as ttl,
    l.coalesce,
    l.on_uncertain,
    l.max_attempts,
    l.cap_percent,
    l.reserve_percent
from smsgw.lane as l
order by l.urgent desc, l.weight desc, l.name;
