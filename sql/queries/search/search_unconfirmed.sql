-- Search the messages of requests that were accepted long ago and lack receipts, newest first.
-- $1 below this id, $2 from this id on, $3 limit.
-- Index: request_pending_receipts. Locks nothing.
select m.id
from smsgw.request as r
cross join smsgw.installation as i
cross join lateral unnest(r.members) as m (id)
where
    r.status = 'accepted' and r.pending_receipts > 0 and r.accepted_at < now() - i.unconfirmed_after
    and m.id < $1 and m.id >= $2
group by m.id
order by m.id desc
limit $3;
