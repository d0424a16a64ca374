-- Stop a bucket after a 429, see smsgw.throttle_bucket. $1 bucket, $2 seconds.
select smsgw.throttle_bucket($1, $2);
