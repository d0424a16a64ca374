-- Write receipts down, once per distinct content. One entry each: $1 digest, $2 raw, $3 source, $4 event, $5 number,
-- $6 external id, $7 request id, $8 generation, $9 delivery, $10 status, $11 provider message id, $12 happened at, $13 to 15 of a reply: to
-- which number, text, the provider's id.
-- The unique index on digest decides; sorted by it, so that two batches with the same bodies never wait for each other
-- in a circle. Returns the digests that were new.
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
