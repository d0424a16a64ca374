"""Debian's PgBouncer in transaction mode."""

from pathlib import Path
from urllib.parse import urlsplit

from ha.children import Child, folder_of_its_own
from support.processes import free_port

ROLE = Path(__file__).parents[2] / "deploy" / "pgbouncer" / "role.sql"


def role_settings(role: str) -> str:
    """Return what an administrator runs for the role that logs in through a pooler."""
    return ROLE.read_text(encoding="utf-8").replace("smsgw_run", role)


class PgBouncer:
    """A pooler before one server, for any of its databases and one user."""

    def __init__(self, folder: Path, behind: str, *, size: int = 5) -> None:
        """`behind` is the address of the server with user and password, `size` how many server sessions it has."""
        server = urlsplit(behind)
        self._user, self._password = server.username or "postgres", server.password or ""
        self.port = free_port()
        place = folder_of_its_own(folder / "pgbouncer")
        (place / "userlist.txt").write_text(f'"{self._user}" "{self._password}"\n')
        (place / "pgbouncer.ini").write_text(f"""
[databases]
* = host={server.hostname} port={server.port} user={self._user} password={self._password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = userlist.txt
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
server_login_retry = 1
""")
        self.child = Child("pgbouncer", ["pgbouncer", "pgbouncer.ini"], place)

    def address(self, database: str) -> str:
        """Return the address of a database through it."""
        return f"postgresql://{self._user}:{self._password}@127.0.0.1:{self.port}/{database}"
