"""Other queues on Postgres, each doing the same: one POST of the same bytes for each row.

`catalog` lists them with what they were told, `install` puts them into a folder of their own, `contest` runs them
beside the gateway. Each `on_….py` or `on_….mjs` is one of them, run by an interpreter of that folder: first with
`enqueue`, which creates the rows with the library's own API, then with `work`, which sends until it is stopped.
"""
