-- Every bucket as it is now: $1 names, or null for all. Reads a handful of rows; locks nothing.
-- `tokens` is what may be taken now: of a window by an urgent lane. `wait` and `others_wait` are
-- the seconds until there is a token. `in_use` is the part of the allowance that 429s have left.
select
    b.name,
    b.kind::text as kind,
    b.allowance,
    b.period,
    case when b.kind = 'pace' then greatest(1.0, 2.0 * b.allowance / b.period) else later.in_use end as capacity,
    later.in_use,
    case when b.kind = 'pace' then greatest(0, smsgw.pace_tokens(b, now.at)) else greatest(0, state.free) end as tokens,
    later.reserve,
    case when b.kind = 'pace' then 0 else state.urgent end as urgent_held,
    case
        when b.kind = 'pace' then greatest(0, (1 - smsgw.pace_tokens(b, now.at)) * b.period / b.allowance)
        else (
            select extract(epoch from min(f.moment) - now.at)::double precision
            from smsgw.window_forecast(b, now.at) as f
            where f.free >= 1
        )
    end as wait,
    case
        when b.kind = 'pace' then greatest(0, (1 - smsgw.pace_tokens(b, now.at)) * b.period / b.allowance)
        else (
            select extract(epoch from min(f.moment) - now.at)::double precision
            from smsgw.window_forecast(b, now.at) as f
            where
                f.free > case
                    when b.reserves
                        then greatest(0, smsgw.reserve_of(smsgw.allowance_in_use(b, f.moment)) - f.urgent)
                    else 0
                end
        )
    end as others_wait,
    greatest(0, extract(epoch from b.blocked_until - now.at))::double precision as blocked_for,
    extract(epoch from now.at)::double precision as now
from smsgw.bucket as b
cross join (select clock_timestamp() as at) as now
cross join lateral (
    select
        n.in_use,
        case when b.reserves then smsgw.reserve_of(n.in_use) else 0 end as reserve
    from (select smsgw.allowance_in_use(b, greatest(now.at, b.blocked_until)) as in_use) as n
) as later
left join lateral (
    select
        f.free,
        f.urgent
    from smsgw.window_forecast(b, now.at) as f
    where b.kind = 'window'
    order by f.moment
    limit 1
) as state on true
where $1::text[] is null or b.name = any($1::text[])
order by b.name;
