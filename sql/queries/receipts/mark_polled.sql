-- Record that the provider's whole listing was read and did not contain these uncertain requests.
-- $1 start of the reading, in seconds of the epoch.
-- Index: request_uncertain. Locks the rows that it marks. A request that a receipt settled in the meantime is left alone.
update smsgw.request as r
set last_polled_at = to_timestamp($1)
where r.status = 'uncertain' and r.created_at < to_timestamp($1)
returning r.id;
