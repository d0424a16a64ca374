"""Finds the SQL files: beside the package in a wheel, at the top of the repository in a checkout."""

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def sql_root() -> Path:
    """Return the folder that holds `migrations/` and `queries/`.

    Raises `FileNotFoundError` when neither place has it: the installation is broken.
    """
    for candidate in (_PACKAGE / "sql", _PACKAGE.parent / "sql"):
        if (candidate / "queries").is_dir():
            return candidate
    raise FileNotFoundError("the SQL files of sms-outbox-gateway are missing; install the package again")


@cache
def query(name: str) -> str:
    """Return the text of `sql/queries/<name>.sql`, read once a process.

    Raises `ValueError` for what is no plain name: whatever is asked for, the answer is a file of that folder.
    """
    if not name.isidentifier():
        raise ValueError("a query is named by letters, digits and underscores")
    return (sql_root() / "queries" / f"{name}.sql").read_text(encoding="utf-8")
