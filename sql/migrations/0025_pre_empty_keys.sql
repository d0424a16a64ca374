-- An application that writes "" for "none" would have all its messages taken for one: the empty dedupe_key was a key like
-- any other, so the second message under it was silently the first; and the empty order_key put all of them in one row. Both are
-- refused now, and a text of nothing but blanks, which the provider would refuse.

-- As in 0014 otherwise. Locks nothing; reads one row of smsgw.lane by primary key.
create or replace function smsgw.outbox_intake() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    complaint text;
    lane_ttl interval;
begin
    new.lane := coalesce(new.lane, 'default');
    new.tenant := coalesce(new.tenant, '');
    new.not_before := coalesce(new.not_before, now());

    complaint := case
        when num_nonnulls(new.to_number, new.to_subscriber_id, new.to_group_id) <> 1
            then 'to_number: give exactly one of to_number, to_subscriber_id and to_group_id'
        when new.to_number !~ '^\+[1-9][0-9]{6,14}$'
            then 'to_number: must be in E.164 form, a plus sign and 7 to 15 digits with no spaces'
        when new.to_subscriber_id <= 0 then 'to_subscriber_id: must be a positive number'
        when new.to_group_id <= 0 then 'to_group_id: must be a positive number'
        when num_nonnulls(nullif(new.body, ''), new.template_id, new.media_url) = 0
            then 'body: give at least one of body, template_id and media_url'
        when new.body !~ '[^[:space:]]' and new.template_id is null and new.media_url is null
            then 'body: must be more than blanks'
        when char_length(new.body) > 4000 then 'body: must be at most 4000 characters'
        when new.template_id <= 0 then 'template_id: must be a positive number'
        when new.link_id is not null and new.template_id is null
            then 'link_id: has a meaning only together with template_id'
        when new.link_id <= 0 then 'link_id: must be a positive number'
        when char_length(new.media_url) > 2048 or new.media_url !~ '^https?://[^[:space:]]+$'
            then 'media_url: must be an http or https address of at most 2048 characters'
        when jsonb_typeof(new.variables) <> 'object' then 'variables: must be a JSON object'
        when octet_length(new.variables::text) > 16384 then 'variables: must be at most 16 kB of JSON'
        when jsonb_path_exists(new.variables, '$.**{9}') then 'variables: must be nested at most 8 deep'
        when jsonb_path_exists(
            new.variables, '$.** ? (@.type() == "number" && (@ > 1000000000000000000 || @ < -1000000000000000000))'
        )
            then 'variables: a number must lie within 10^18 of zero; give longer ones as strings'
        when
            (char_length(new.body) - char_length(replace(new.body, '{{', ''))) / 2 * octet_length(new.variables::text)
            > 1000000
            then 'variables: with so many placeholders in the body the text would be too long'
        when jsonb_typeof(new.tags) <> 'object' then 'tags: must be a JSON object whose values are strings'
        when octet_length(new.tags::text) > 4096 then 'tags: must be at most 4 kB of JSON'
        when jsonb_path_exists(new.tags, 'strict $.* ? (@.type() <> "string")', '{}', true)
            then 'tags: must be a JSON object whose values are strings'
        when char_length(new.tenant) > 100 or new.tenant ~ '[[:cntrl:]]'
            then 'tenant: must be at most 100 characters, none of them a control character'
        when new.sender_id <= 0 then 'sender_id: must be a positive number'
        when char_length(new.reference) > 255 or new.reference ~ '[[:cntrl:]]'
            then 'reference: must be at most 255 characters, none of them a control character'
        when new.dedupe_key = '' then 'dedupe_key: must not be empty; leave it out, or give null'
        when char_length(new.dedupe_key) > 255 or new.dedupe_key ~ '[[:cntrl:]]'
            then 'dedupe_key: must be at most 255 characters, none of them a control character'
        when new.order_key = '' then 'order_key: must not be empty; leave it out, or give null'
        when char_length(new.order_key) > 255 or new.order_key ~ '[[:cntrl:]]'
            then 'order_key: must be at most 255 characters, none of them a control character'
        when new.traceparent !~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'
            then 'traceparent: must be a W3C trace context of version 00'
        when not new.not_before between now() - interval '10 years' and now() + interval '10 years'
            then 'not_before: must be a finite time within ten years'
        when not new.expires_at between now() - interval '10 years' and now() + interval '20 years'
            then 'expires_at: must be a finite time within twenty years'
    end;

    if complaint is null then
        select l.ttl into lane_ttl from smsgw.lane as l where l.name = new.lane;
        if not found then
            complaint := 'lane: no lane of that name is defined; an operator can add it with "smsgw lanes set"';
        else
            -- A message for the past counts its time to live from now on: it could not have been sent earlier.
            new.expires_at := coalesce(new.expires_at, greatest(new.not_before, now()) + lane_ttl);
            if new.expires_at <= new.not_before then
                complaint := 'expires_at: must be later than not_before';
            end if;
        end if;
    end if;

    if complaint is not null then
        raise exception using errcode = '22023', message = complaint;
    end if;
    return new;
end
$$;
