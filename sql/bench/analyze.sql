-- Update the planner's statistics.
analyze;
