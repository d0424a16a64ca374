-- One replay. $1 id. By primary key; locks nothing.
select p.*
from smsgw.replay as p
where p.id = $1;
