-- Count waiting messages. Index: outbox_waiting.
select count(*)::bigint from smsgw.outbox as o where o.request_id is null and o.terminal_status is null and o.parked_by is null;
