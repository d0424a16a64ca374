-- Take tokens of one daily limit in the claim's transaction: just before its commit, after all its other locks.
-- $1 bucket, $2 parts, $3 seconds until the arrival bound. Locks the bucket's row until the commit.
select t.others_taken
from smsgw.take_tokens($1, '{}', '{}', $2, $2, $3) as t;
