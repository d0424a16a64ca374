-- Count receipts by their progress.
select
    (select count(*) from smsgw.receipt) as journalled,
    (select count(*) from smsgw.receipt as r where r.applied_at is null) as unapplied,
    (select count(*) from smsgw.outbox as o where o.delivery_status = 'delivered') as delivered;
