-- Suppressed numbers, the newest first: a page of the list must not have a number in its address, so it goes on from a
-- time.
create index suppression_created on smsgw.suppression (created_at);
