-- Vacuum and analyse every table. Takes the locks of VACUUM, one table at a time.
vacuum (analyze);
