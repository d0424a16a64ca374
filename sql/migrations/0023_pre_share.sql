-- When each share was last written, so that those of tenants who are gone can be forgotten (share_forget.sql). No index:
-- it would cost every claim that serves two queues its updates in place (HOT).
alter table smsgw.share add column served_at timestamptz not null default now();

-- The planner takes a table that nobody analyzed for hundreds of lanes, and plans scan_queue_heads.sql for as many.
analyze smsgw.lane;
