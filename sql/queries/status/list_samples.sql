-- Return the samples of the last seconds, oldest first.
-- $1 seconds.
-- Primary key. Locks nothing.
select s.at, s.waiting, s.oldest, s.sent, s.limiter
from smsgw.sample as s
where s.at >= clock_timestamp() - make_interval(secs => $1)
order by s.at;
