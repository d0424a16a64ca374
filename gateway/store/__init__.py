"""Every conversation with Postgres; the SQL itself lies in `sql/`, one file a query.

One module for each step of a message's life: `claims` (bind messages to requests), `finishes` (write what became of an
attempt), `messages` (read), `migrate` (the schema). No other package speaks SQL, and nothing here knows HTTP.

Keeps promises 3 and 4: a request is committed before its first byte, and every later write carries the claim's token.
"""
