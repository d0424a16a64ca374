-- Insert rows for the bare claim. $1 number of rows.
insert into bench.bare (to_number, body, reference)
select
    '+999' || to_char(n, 'FM00000000000'),
    'Your order ' || n || ' is on its way and will be with you tomorrow between 9 and 12. Thank you!',
    'order_' || n
from generate_series(1, $1::bigint) as n;
