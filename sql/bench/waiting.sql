-- How many wait. Served by outbox_waiting.
select count(*)::bigint from smsgw.outbox as o where o.request_id is null and o.ending is null and o.held_tag is null;
