-- Search messages that the gateway or an operator ended, newest first.
-- $1 below this id, $2 from this id on, $3 limit, $4 terminal statuses.
-- Index: outbox_terminal, one range scan for each status. Locks nothing.
select found.id
from unnest($4::text[]) as e (terminal_status)
cross join lateral (
    select o.id
    from smsgw.outbox as o
    where o.terminal_status = e.terminal_status::smsgw.terminal_status and o.id < $1 and o.id >= $2
    order by o.id desc
    limit $3
) as found
order by found.id desc
limit $3;
