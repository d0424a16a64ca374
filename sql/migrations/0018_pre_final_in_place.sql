-- An index whose predicate names final_at takes the rewrite in place (HOT) from every message that becomes final: Postgres
-- counts the columns of a predicate like those of a key. Messages to groups are few, so all of them may stand in it.
drop index if exists smsgw.outbox_group;
create index outbox_group on smsgw.outbox (id) where to_group_id is not null;
