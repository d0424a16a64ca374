-- Renew the planner's statistics.
analyze;
