-- Fold again what found no message, where its request is there by now. Members never change, so a request that was there
-- when the receipt was folded has nothing new to say; the minute is for one whose transaction was still open.
-- Served by receipt_unmatched; found requests by primary key.
update smsgw.receipt as r
set applied_at = null, result = null
where
    r.result = 'unmatched'
    and exists (
        select
        from smsgw.request as q
        where q.id = r.request_id and q.created_at > r.applied_at - interval '1 minute'
    );
