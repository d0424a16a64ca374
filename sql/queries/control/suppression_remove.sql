-- Write to this number again. $1 number. Returns a row where it was suppressed.
delete from smsgw.suppression as s
where s.number = $1
returning s.number;
