"""From a committed row to an answered request: wake, claim, send, finish.

`claimer` decides what goes and commits it; `sender` makes the one HTTP call; `completer` writes what became of it;
`engine` turns the wheel and `waker` stops it while there is nothing to do. No HTTP call is made inside a transaction,
and nothing here knows a field name of the provider.

Keeps promises 2 to 6; which await keeps which is said where it stands.
"""
