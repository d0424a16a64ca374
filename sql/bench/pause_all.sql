-- Pause everything.
insert into smsgw.pause (scope, actor, reason) values ('all', 'bench', 'to see that nothing goes');
