-- Return the lowest and the highest id that messages of a time range can have, with an hour of slack on both sides.
-- $1 from, $2 to; null for no bound.
-- About 30 probes of the primary key for each bound (smsgw.first_id_since). Locks nothing.
select
    case when $1::timestamptz is not null then smsgw.first_id_since($1::timestamptz - interval '1 hour') else 0 end as floor,
    case
        when $2::timestamptz is not null then smsgw.first_id_since($2::timestamptz + interval '1 hour') + 1
        else 9223372036854775807
    end as ceiling;
