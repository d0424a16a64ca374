-- Return the database's time in seconds of the epoch.
select extract(epoch from clock_timestamp())::double precision as now;
