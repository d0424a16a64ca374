-- Give back what a claim did not use of paces, see smsgw.give_back_paces. $1 names, $2 tokens.
-- A statement of its own. Its commit does not wait for the disk.
select smsgw.give_back_paces($1::text[], $2::double precision[])
from (select set_config('synchronous_commit', 'off', true)) as without_wait;
