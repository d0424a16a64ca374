-- Samples of the last $1 seconds, oldest first. By primary key; locks nothing.
select s.at, s.waiting, s.oldest, s.sent, s.limiter
from smsgw.sample as s
where s.at >= clock_timestamp() - make_interval(secs => $1)
order by s.at;
