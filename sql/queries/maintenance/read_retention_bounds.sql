-- Return a moment in the past, and an id above which no message is old enough. One hour of slack, because ids follow the
-- order of time only roughly.
-- $1 age in seconds.
-- About 30 probes of the primary key (smsgw.first_id_since). Locks nothing.
select
    m.moment,
    smsgw.first_id_since(m.moment + interval '1 hour') as ceiling
from (select clock_timestamp() - make_interval(secs => $1::double precision) as moment) as m;
