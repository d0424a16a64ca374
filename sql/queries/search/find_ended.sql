-- Ids of messages that we ended, newest first. $1 below which, $2 from which on, $3 how many, $4 the endings.
-- Served by outbox_terminal, one range scan for each ending; locks nothing.
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
