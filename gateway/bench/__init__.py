"""Measures: what the gateway costs, beside the floors of the same machine and beside other queues, in one run.

Every figure is a ratio of two numbers of one run, with the command that made it. `benchmarks` has one function for each
question, `registry` lists them, `server` is the provider that is never the bottleneck and counts every recipient, so
that a loss or a duplicate shows in every benchmark. `plan` turns measured costs into advice and measures nothing.

Never used by the gateway itself.
"""
