-- One reply. $1 id. By primary key; locks nothing.
select i.id, i.received_at, i.from_number, i.to_number, i.body, i.keyword, i.external_id
from smsgw.inbound as i
where i.id = $1;
