"""From a committed row to an answered request: wake, claim, send, complete.

`claimer` decides what is sent now and commits it. `sender` makes the one HTTP call. `completer` writes the result.
`engine` runs these in a loop, and `waker` pauses the loop while there is nothing to do. No HTTP call is made inside a
transaction, and nothing here knows a field name of the provider.

Keeps promises 2 to 6.
"""
