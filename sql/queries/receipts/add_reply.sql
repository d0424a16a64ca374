-- Store a reply, once for each receipt.
-- $1 receipt, $2 happened at, $3 from, $4 to, $5 text, $6 keyword, $7 external id, $8 the provider's reply id.
-- Returns a row if the reply is new.
insert into smsgw.inbound (
    receipt_id, happened_at, from_number, to_number, body, keyword, external_id, provider_reply_id
)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (receipt_id) do nothing
returning id;
