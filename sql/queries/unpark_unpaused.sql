-- Put messages back whose tag is no longer paused, a bounded number at a time. $1 how many. An empty tag is no tag: it
-- marks what is behind another of its order key (unblock_next_in_order.sql). Served by outbox_held: the recursion asks for one
-- tag after another, so a pause that holds a million rows costs one probe. Steps over rows that another replica is
-- putting back.
with recursive tag as (
    (
        select o.held_tag as name
        from smsgw.outbox as o
        where o.request_id is null and o.ending is null and o.held_tag > ''
        order by o.held_tag
        limit 1
    )
    union all
    select behind.name
    from tag
    cross join lateral (
        select o.held_tag as name
        from smsgw.outbox as o
        where o.request_id is null and o.ending is null and o.held_tag > tag.name
        order by o.held_tag
        limit 1
    ) as behind
),

over as (
    select tag.name
    from tag
    where not exists (
        select
        from smsgw.pause as p
        where
            p.scope = 'tag'
            and p.subject = tag.name
            and (p.expires_at is null or p.expires_at > clock_timestamp())
    )
)

update smsgw.outbox as o
set held_tag = null
where o.id = any(array(
    select h.id
    from over
    cross join lateral (
        select w.id
        from smsgw.outbox as w
        where w.request_id is null and w.ending is null and w.held_tag = over.name
        limit $1
        for update skip locked
    ) as h
    limit $1
))
returning o.id;
