-- Messages as an application would insert them, through the real triggers. $1 how many, $2 lane, $3 the first number.
-- Numbers begin with +999, a country code that is given to nobody.
insert into smsgw.outbox (to_number, body, lane, reference)
select
    '+999' || to_char($3::bigint + n, 'FM00000000000'),
    'Your order ' || n || ' is on its way and will be with you tomorrow between 9 and 12. Thank you!',
    $2::text,
    'order_' || n
from generate_series(1, $1::bigint) as n;
