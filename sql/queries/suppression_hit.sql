-- Whether any of these numbers is suppressed. $1 numbers. By primary key.
select exists(
    select
    from smsgw.suppression as s
    where s.number = any($1::text[])
);
