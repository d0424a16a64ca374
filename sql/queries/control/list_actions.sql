-- Return the log of operator actions, newest first, with the first ten messages of each.
-- $1 below this id or null, $2 limit. Filters, each null for any: $3 actor, $4 action, $5 message.
-- Reads the primary key backwards; operator_action_messages for a message. Locks nothing.
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
