-- Say of uncertain requests that the whole listing of their time was read and does not have them. $1 seconds of the
-- epoch at which the reading began. Served by request_uncertain; one that a receipt settles meanwhile is left alone.
update smsgw.request as r
set last_polled_at = to_timestamp($1)
where r.status = 'uncertain' and r.created_at < to_timestamp($1)
returning r.id;
