-- Bring one bucket to the settings of the process that starts. A new bucket of the provider's starts empty: an earlier
-- installation, or one whose database was restored, may have used the provider's window a moment ago. A lane's cap is
-- our own and starts full. A new quota has nothing counted, for nobody knows better.
-- $1 name, $2 allowance, $3 period in seconds, $4 margin in seconds, $5 paced, $6 slices of a quota or null, $7 tokens
-- that a new one holds.
-- Locks the one row.
insert into smsgw.bucket (name, tokens, counted_at, allowance, period, margin, paced, usage_slices, newest_slice)
values ($1, $7, clock_timestamp(), $2, $3, $4, $5, $6, case when $6::double precision[] is not null then 0 end)
on conflict (name) do update
set
    allowance = excluded.allowance,
    period = excluded.period,
    margin = excluded.margin,
    paced = excluded.paced,
    tokens = least(bucket.tokens, excluded.allowance)
where
    (bucket.allowance, bucket.period, bucket.margin, bucket.paced)
    is distinct from (excluded.allowance, excluded.period, excluded.margin, excluded.paced);
