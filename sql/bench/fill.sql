-- Insert messages as an application does, through the triggers. $1 number of messages, $2 lane, $3 first phone number.
-- Numbers begin with +999, a country code that is not assigned.
insert into smsgw.outbox (to_number, body, lane, reference)
select
    '+999' || to_char($3::bigint + n, 'FM00000000000'),
    'Your order ' || n || ' is on its way and will be with you tomorrow between 9 and 12. Thank you!',
    $2::text,
    'order_' || n
from generate_series(1, $1::bigint) as n;
