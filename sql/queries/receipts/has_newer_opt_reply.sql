-- Tell whether a later STOP or START of the same phone is stored already.
-- $1 reply.
-- Index: inbound_from_number. Locks nothing.
select exists(
    select
    from smsgw.inbound as this
    inner join smsgw.inbound as later
        on
            this.from_number = later.from_number
            and this.id <> later.id
            and later.keyword in ('stop', 'start')
    where
        this.id = $1
        and (least(later.happened_at, later.received_at), later.receipt_id)
        > (least(this.happened_at, this.received_at), this.receipt_id)
);
