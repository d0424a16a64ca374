-- Named searches. Reads a handful of rows; locks nothing.
select v.name, v.filters, v.made_by, v.made_at
from smsgw.saved_view as v
order by v.name
limit 100;
