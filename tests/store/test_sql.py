"""The loader of SQL files: one name, one file, in whichever folder."""

from pathlib import Path

import pytest

from gateway.store.sql import _queries, query, sql_root

ROOT = Path(__file__).parent.parent.parent


def test_a_query_is_found_by_its_name_alone() -> None:
    path = sql_root() / "queries" / "claim" / "lease_renew.sql"
    assert query("lease_renew") == path.read_text(encoding="utf-8")


def test_every_query_lies_in_a_folder_and_has_its_name_alone() -> None:
    files = list((ROOT / "sql" / "queries").rglob("*.sql"))
    assert len(_queries(ROOT / "sql" / "queries")) == len(files)


def test_two_queries_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("claim", "replay"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.sql").write_text("select 1;")
    with pytest.raises(ValueError, match="two queries are named same: in claim and in replay"):
        _queries(tmp_path)


def test_a_name_without_a_file_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder of sql/queries has nothing\.sql"):
        query("nothing")
