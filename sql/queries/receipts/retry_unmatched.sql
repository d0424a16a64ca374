-- Mark unmatched receipts to be applied again if their request exists by now. Members of a request never change, so a
-- request that existed when the receipt was applied cannot match later. The minute covers a request whose transaction
-- was still open.
-- Index: receipt_unmatched; requests by primary key. Locks the rows that it marks.
update smsgw.receipt as r
set applied_at = null, result = null
where
    r.result = 'unmatched'
    and exists (
        select
        from smsgw.request as q
        where q.id = r.request_id and q.created_at > r.applied_at - interval '1 minute'
    );
