-- Bring every table into a settled state. Takes the locks of VACUUM, one table at a time.
vacuum (analyze);
