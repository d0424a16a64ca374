-- Fold again what found no message, where its request is there by now.
-- Served by receipt_unmatched; found requests by primary key.
update smsgw.receipt as r
set folded_at = null, result = null
where
    r.result = 'unmatched'
    and exists (select from smsgw.request as q where q.id = r.request_id);
