-- Over an hour of 200 messages a second autovacuum kept the dead tuples of outbox and request under 1 % of the live ones, and let
-- those of attempt, which had the server's default of a fifth of the table, come to 76,000: each attempt is inserted, and
-- written once more when it is over. The same terms for all three (docs/performance.md, "Dead tuples under steady load").
alter table smsgw.attempt set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
