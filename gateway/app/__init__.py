"""The composition root: builds the parts from the settings, starts them, and stops them in order.

`daemon` is `smsgw run`; `local` is `smsgw up`, which starts a Postgres, a simulator and a gateway for one person.
Nothing here decides anything about a message.

Keeps promise 1 at the edges: a stop drains what is in flight, and an unavailable database delays but loses nothing.
"""
