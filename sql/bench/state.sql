-- Count the messages of a run by state. Reads both tables completely.
select
    count(*)::bigint as rows,
    (count(*) filter (where r.status = 'accepted'))::bigint as accepted,
    (count(*) filter (where o.request_id is null and o.terminal_status is null))::bigint as waiting,
    (select count(*) from smsgw.request)::bigint as requests,
    extract(epoch from max(r.accepted_at) - min(r.created_at))::double precision as seconds
from smsgw.outbox as o
left join smsgw.request as r on o.request_id = r.id;
