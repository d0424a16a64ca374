-- One message, by primary key. $1 id.
select m.*
from smsgw.message as m
where m.id = $1;
