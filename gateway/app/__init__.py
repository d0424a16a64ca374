"""The composition root: builds the parts from the settings, starts them, and brings them to a halt in order.

`daemon` is `smsgw run`; `local` is `smsgw up`, which starts a Postgres, a simulator and a daemon for one person.
Nothing here decides anything about a message.

Keeps promise 1 at the edges: a stop drains what is in the air, and a database that is away delays but loses nothing.
"""
