-- Fold again what found no message, where its request is there by now; give the rest up after three days.
-- Served by receipt_unmatched; found requests by primary key.
update smsgw.receipt as r
set folded_at = null, result = null
where
    r.result = 'unmatched'
    and r.received_at > clock_timestamp() - interval '72 hours'
    and exists (select from smsgw.request as q where q.id = r.request_id);
