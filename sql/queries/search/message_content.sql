-- What is masked of a message until somebody reveals it. $1 id. By primary key; locks nothing.
select o.to_number, o.body, o.variables, o.media_url
from smsgw.outbox as o
where o.id = $1;
