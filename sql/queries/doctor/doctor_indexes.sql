-- Return the indexes of our tables, with the entries that the last vacuum or analyze counted.
-- Reads the catalogue and file sizes.
select
    t.relname as table_name,
    c.relname as name,
    i.indisvalid and i.indisready as valid,
    pg_relation_size(c.oid) as bytes,
    c.reltuples::bigint as entries
from pg_index as i
inner join pg_class as c on i.indexrelid = c.oid
inner join pg_class as t on i.indrelid = t.oid
where t.relnamespace = 'smsgw'::regnamespace
order by t.relname, c.relname;
