-- Say what became of spent tokens, see smsgw.return_tokens. $1 bucket; one entry for each arrival bound: $2 bounds, $3 when
-- the tokens were taken, $4 clock shifts, $5 tokens of urgent lanes, $6 tokens of other lanes, $7 seconds from taking them to
-- the answer, null if no byte was sent.
-- A statement of its own; locks the bucket's row until it returns. Its commit does not wait for the disk: a return that a
-- crash loses only makes the tokens return later.
select
    smsgw.return_tokens(
        $1,
        $2::timestamptz[],
        $3::timestamptz[],
        $4::double precision[],
        $5::integer[],
        $6::integer[],
        $7::double precision[]
    )
from (select set_config('synchronous_commit', 'off', true)) as without_wait;
