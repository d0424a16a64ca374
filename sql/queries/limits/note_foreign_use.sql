-- Count what other programs on the account used, see smsgw.note_foreign_use. $1 bucket; of the request whose answer tells it:
-- $2 when its tokens were taken, $3 what was spent then, $4 the count of tokens then; of the answer: $5 the window's limit,
-- $6 what remained, $7 seconds until the reset.
select smsgw.note_foreign_use($1, $2, $3, $4, $5, $6, $7);
