-- Bring one bucket to the settings of the process that starts; make it if it is missing.
-- $1 name, $2 kind, $3 allowance, $4 period in seconds, $5 whether it reserves tokens for urgent lanes, $6 whether the use
-- before its first row is unknown.
-- A bucket of the provider's starts full on an installation that never sent anything. Otherwise the window may have been
-- used a moment ago: the row is missing after a restore, or a person deleted it. So all tokens start as spent, and return
-- after one period.
-- Locks the one row.
insert into smsgw.bucket (
    name, kind, allowance, period, reserves, tokens, spent_bounds, spent_urgent, spent_others
)
select
    $1,
    $2::text::smsgw.bucket_kind,
    $3,
    $4,
    $5,
    case when first.starts_full then greatest(1.0, 2.0 * $3::double precision / $4::double precision) else 0 end,
    case when first.starts_full then '{}' else array[clock_timestamp()] end,
    case when first.starts_full then '{}' else array[0] end,
    case when first.starts_full then '{}' else array[floor($3::double precision)::integer] end
from (select not $6::boolean or not exists (select from smsgw.attempt) as starts_full) as first
on conflict (name) do update
set kind = excluded.kind, allowance = excluded.allowance, period = excluded.period, reserves = excluded.reserves
where
    (bucket.kind, bucket.allowance, bucket.period, bucket.reserves)
    is distinct from (excluded.kind, excluded.allowance, excluded.period, excluded.reserves);
