"""What Prometheus sees: every metric of the contract on a registry of its own.

`registry` names them, `observers` fills them from the sending and the receiving side, `backlog` asks the database at a
slow beat what only it can know. Labels are bounded sets, all known values start at 0, and none holds a number, a text,
a tenant or an id (promise 9).
"""
