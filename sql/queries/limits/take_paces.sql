-- Take whole tokens of paces, see smsgw.take_paces. $1 names, $2 tokens wanted of each.
-- A statement of its own; locks the rows, in order of name, until it returns. Its commit does not wait for the disk.
select
    p.name,
    p.tokens,
    p.wait
from (select set_config('synchronous_commit', 'off', true)) as without_wait
cross join lateral smsgw.take_paces($1::text[], $2::double precision[]) as p;
