"""What a message is and which rules apply to it, as pure values and functions.

Nothing here does I/O, reads a clock or knows a provider's field names. Every function is given what it needs, the time
included, so property-based tests can attack each rule of the design.

Keeps promise 7 (truth only moves forward: `status`) and the arithmetic of promise 5 (the limit: `token_bucket`).
"""
