"""Benchmarks: the cost of the gateway, compared in one run with lower bounds of the same machine and other queues.

Every figure is a ratio of two numbers of one run, with the command that made it. `registry` lists the benchmarks.
`server` is a provider that is never the bottleneck. It counts every recipient, so each benchmark shows losses and
duplicates. `plan` calculates from measured costs and measures nothing.

The gateway itself does not use this package.
"""
