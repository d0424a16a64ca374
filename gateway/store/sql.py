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
    """Return the text of the query `name`, read once a process.

    The folders of `sql/queries` are for the reader; a name is unique over all of them.
    Raises `ValueError` for what is no plain name, so that no name leads out of `sql/queries`, and `FileNotFoundError`
    for a name without a file.
    """
    if not name.isidentifier():
        raise ValueError("a query is named by letters, digits and underscores")
    try:
        return _queries(sql_root() / "queries")[name].read_text(encoding="utf-8")
    except KeyError:
        raise FileNotFoundError(f"no folder of sql/queries has {name}.sql") from None


@cache
def _queries(folder: Path) -> dict[str, Path]:
    """Return the file of each query. Raises `ValueError` if two folders have the same name."""
    files: dict[str, Path] = {}
    for path in sorted(folder.glob("*/*.sql")):
        if (other := files.setdefault(path.stem, path)) is not path:
            raise ValueError(f"two queries are named {path.stem}: in {other.parent.name} and in {path.parent.name}")
    return files
