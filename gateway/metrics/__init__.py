"""What Prometheus sees: every metric of the contract on a registry of its own.

`registry` names the metrics, `observers` counts what the sending and the receiving side report, and `backlog` asks the
database at a slow rate for what only it knows. Labels are bounded sets and all known values start at 0. No label holds
a number, a text, a tenant or an id (promise 9).
"""
