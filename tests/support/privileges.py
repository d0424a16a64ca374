"""What roles may do in a database, as its catalog has it, and what docs/security.md says they may."""

import re
from pathlib import Path
from typing import Any

ROLES = ("smsgw_app", "smsgw_gateway", "smsgw_operator", "smsgw_reader")
PAGE = Path(__file__).parent.parent.parent / "docs" / "security.md"

LETTERS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
NEVER = ("TRUNCATE", "REFERENCES", "TRIGGER")

RELATIONS = """
    select c.oid, c.relname as name, c.relkind = 'S' as is_sequence, c.relkind = 'v' as is_view
    from pg_class as c
    where c.relnamespace = 'smsgw'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    order by c.relname
"""
FUNCTIONS = """
    select p.oid, p.proname as name
    from pg_proc as p
    where p.pronamespace = 'smsgw'::regnamespace
    order by p.proname
"""
COLUMNS = """
    select a.attname
    from pg_attribute as a
    where
        a.attrelid = $2::oid and a.attnum > 0 and not a.attisdropped
        and has_column_privilege($1, $2::oid, a.attnum, $3)
    order by a.attname
"""


async def columns(connection: Any, role: str, table: int, privilege: str) -> list[str]:
    """Return the columns for which a role has a privilege, whether by the table or by the column."""
    return [row["attname"] for row in await connection.fetch(COLUMNS, role, table, privilege)]


async def on_relation(connection: Any, role: str, relation: Any) -> str:
    """Return a role's letters for a relation: a star after one that holds for some columns only, a dash for nothing."""
    if relation["is_sequence"]:
        usage = await connection.fetchval("select has_sequence_privilege($1, $2::oid, 'USAGE')", role, relation["oid"])
        more = await connection.fetchval(
            "select has_sequence_privilege($1, $2::oid, 'SELECT, UPDATE')", role, relation["oid"]
        )
        return ("U" if usage else "") + ("!" if more else "") or "–"
    letters = ""
    for letter, privilege in LETTERS.items():
        if await connection.fetchval("select has_table_privilege($1, $2::oid, $3)", role, relation["oid"], privilege):
            letters += letter
        elif privilege != "DELETE" and await columns(connection, role, relation["oid"], privilege):
            letters += f"{letter}*"
    for privilege in NEVER:
        if await connection.fetchval("select has_table_privilege($1, $2::oid, $3)", role, relation["oid"], privilege):
            letters += f" {privilege}"
    return letters or "–"


async def on_function(connection: Any, role: str, function: Any) -> str:
    """Return `x` where a role may call a function."""
    may = await connection.fetchval("select has_function_privilege($1, $2::oid, 'EXECUTE')", role, function["oid"])
    return "x" if may else "–"


async def actual(connection: Any) -> dict[str, tuple[str, ...]]:
    """Return the whole matrix: name of the relation or function to what each role may, in the order of `ROLES`."""
    matrix = {}
    for relation in await connection.fetch(RELATIONS):
        cells = [await on_relation(connection, role, relation) for role in ROLES]
        if not relation["is_sequence"] or any(cell not in {"–", "U"} for cell in cells):
            matrix[relation["name"]] = tuple(cells)
    for function in await connection.fetch(FUNCTIONS):
        matrix[f"{function['name']}()"] = tuple([await on_function(connection, role, function) for role in ROLES])
    return matrix


def written() -> dict[str, tuple[str, ...]]:
    """Return the matrix of the page."""
    matrix = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"\| `([a-z_]+(?:\(\))?)` \|(.*)\|", line)
        if match is not None:
            cells = [cell.strip().strip("`") for cell in match[2].split("|")]
            matrix[match[1]] = tuple(cells[: len(ROLES)])
    return matrix
