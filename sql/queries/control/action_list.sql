-- What was changed by whom, the latest first. $1 below which id, $2 how many, and filters, each null for none: $3 actor,
-- $4 action, $5 message. Walks the primary key backwards; operator_action_messages serves the message. Of each only so
-- many messages as a page shows.
select
    a.id,
    a.happened_at,
    a.actor,
    a.action,
    a.reason,
    a.detail,
    cardinality(a.message_ids) as messages,
    a.message_ids[1:10] as first_messages
from smsgw.operator_action as a
where
    a.id < coalesce($1::bigint, 9223372036854775807)
    and ($3::text is null or a.actor = $3)
    and ($4::text is null or a.action = $4)
    and ($5::bigint is null or a.message_ids @> array[$5::bigint])
order by a.id desc
limit $2;
