-- Delete receipts that have no message.
-- $1 above this id, $2 number of receipts to read, $3 received before.
-- Returns the last id that was read, null at the end. Receipts that are not applied yet stay.
-- Reads the low end of the primary key. Locks the rows that it deletes.
with scanned as (
    select r.id, r.message_id, r.applied_at
    from smsgw.receipt as r
    where r.id > $1 and r.received_at < $3
    order by r.id
    limit $2
),

deleted_row as (
    delete from smsgw.receipt as r
    using scanned
    where r.id = scanned.id and scanned.message_id is null and scanned.applied_at is not null
    returning r.id
)

select max(scanned.id) as reached, (select count(*)::integer from deleted_row) as deleted
from scanned;
