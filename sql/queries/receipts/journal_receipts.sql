-- Store receipts, once for each distinct content.
-- One entry each: $1 digest, $2 raw, $3 source, $4 event, $5 number, $6 external id, $7 request id, $8 generation,
-- $9 delivery status, $10 provider status, $11 provider message id, $12 happened at. Of a reply: $13 number it was sent
-- to, $14 text, $15 the provider's id.
-- Returns the digests that were new.
-- Index: the unique index on digest. Rows are inserted in the order of their digests, so two batches with the same
-- receipts cannot deadlock.
insert into smsgw.receipt (
    digest, raw, source, event, number, external_id, request_id, generation, delivery_status, provider_status, provider_message_id,
    happened_at, reply_to_number, reply_text, provider_reply_id
)
select
    n.digest,
    n.raw,
    n.source,
    n.event,
    n.number,
    n.external_id,
    n.request_id,
    n.generation,
    n.delivery_status::smsgw.delivery_status,
    n.provider_status,
    n.provider_message_id,
    n.happened_at,
    n.reply_to_number,
    n.reply_text,
    n.provider_reply_id
from unnest(
    $1::bytea[],
    $2::bytea[],
    $3::text[],
    $4::text[],
    $5::text[],
    $6::text[],
    $7::uuid[],
    $8::smallint[],
    $9::text[],
    $10::text[],
    $11::text[],
    $12::timestamptz[],
    $13::text[],
    $14::text[],
    $15::text[]
) as n (
    digest,
    raw,
    source,
    event,
    number,
    external_id,
    request_id,
    generation,
    delivery_status,
    provider_status,
    provider_message_id,
    happened_at,
    reply_to_number,
    reply_text,
    provider_reply_id
)
order by n.digest
on conflict (digest) do nothing
returning digest;
