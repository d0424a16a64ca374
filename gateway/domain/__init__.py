"""What a message is and what the rules are, as pure values and functions.

Nothing here does I/O, reads a clock or knows a provider's field name: every function takes what it needs, the time
included, so that each rule of the design can be attacked by property-based tests.

Keeps promise 7 (truth only moves forward: `lattice`) and the arithmetic of promise 5 (the limit: `bucket`).
"""
