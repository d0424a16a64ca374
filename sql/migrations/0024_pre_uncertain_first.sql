-- A message of which nobody knows whether it was sent is `uncertain` under a pause too: no pause holds it, a person must
-- decide, and `held` would hide it from everybody who looks for that.
create or replace function smsgw.message_state(
    delivery smsgw.delivery,
    ending smsgw.ending,
    not_before timestamptz,
    bound boolean,
    dispatch smsgw.dispatch,
    leased boolean,
    attempts integer,
    accepted_at timestamptz,
    held boolean,
    unconfirmed_after interval
) returns text
language sql stable parallel safe
return case
    when delivery = 'delivered' then 'delivered'
    when delivery >= 'undelivered' then 'undelivered'
    when dispatch = 'accepted' and accepted_at < now() - unconfirmed_after then 'unconfirmed'
    when dispatch = 'accepted' then 'accepted'
    when ending is not null then ending::text
    when dispatch = 'uncertain' then 'uncertain'
    when not bound and not_before > now() then 'scheduled'
    when held and not leased then 'held'
    when not bound then 'ready'
    when leased then 'sending'
    when attempts = 0 then 'ready'
    else 'retrying'
end;
