-- The moment $1 seconds ago, and the id below which everything was made that can have ended before it. An hour of slack:
-- ids are drawn in the order of time only roughly. Some thirty probes of the primary key (smsgw.first_id_since).
select
    m.moment,
    smsgw.first_id_since(m.moment + interval '1 hour') as ceiling
from (select clock_timestamp() - make_interval(secs => $1::double precision) as moment) as m;
