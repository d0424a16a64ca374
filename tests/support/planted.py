"""Plants objects in `public` that an application may create there, each of which records that it ran.

Postgres looks for the plain name of an operator or a function in every schema of the search path, and the best match
for the types wins. So an application that may create in `public` (everyone up to Postgres 14) can put its own code
under the statements of another role. This module does that to every operator of Postgres, to every function that our
SQL uses, to our own types and to the usual type names. The results are right, so nothing but the record changes.
"""

import re
from pathlib import Path
from typing import Any

SQL = Path(__file__).parents[2] / "sql"

RECORD = """
    create table public.ran (
        what text not null,
        by_role text not null default session_user,
        statement text not null default pg_catalog.current_query()
    );
    grant select, insert on public.ran to public;
"""

OPERATORS = """
    select
        o.oprname as name,
        case when o.oprkind = 'b' then format_type(o.oprleft, null) end as left_type,
        format_type(o.oprright, null) as right_type,
        format_type(o.oprresult, null) as result_type
    from pg_operator as o
    where
        o.oprnamespace = 'pg_catalog'::regnamespace
        and not exists (
            select from pg_type as t where t.oid in (o.oprleft, o.oprright, o.oprresult) and t.typname = any($1::text[])
        )
"""

FUNCTIONS = """
    select
        p.proname as name,
        array(
            select format_type(a.t, null) from unnest(p.proargtypes) with ordinality as a (t, n) order by a.n
        ) as types,
        pg_get_function_result(p.oid) as result,
        p.proretset as is_set
    from pg_proc as p
    where
        p.pronamespace = 'pg_catalog'::regnamespace
        and p.prokind = 'f'
        and p.provariadic = 0
        and p.proname = any($2::text[])
        and not exists (
            select from pg_type as t
            where (t.oid = p.prorettype or t.oid = any(p.proargtypes)) and t.typname = any($1::text[])
        )
"""

NOT_FOR_PLPGSQL = ["any", "internal", "cstring", "trigger", "event_trigger"]
"""Types that a function in PL/pgSQL cannot have."""

TYPES = (
    "text", "varchar", "name", "jsonb", "json", "uuid", "timestamptz", "timestamp", "interval", "bytea", "numeric",
    "oid", "int2", "int4", "int8", "bigint", "integer", "smallint", "float4", "float8", "bool", "boolean", "real",
)  # fmt: skip
"""Names of types; a name of the grammar, such as bigint, cannot be hijacked, and is planted all the same."""

AGGREGATES = (("min", "timestamptz"), ("max", "timestamptz"), ("min", "bigint"), ("max", "bigint"), ("sum", "bigint"))


def names_of_functions() -> list[str]:
    """Return every word of our SQL, and of SQL in Python, that may be the name of a function."""
    texts = [path.read_text(encoding="utf-8") for path in SQL.rglob("*.sql")]
    texts += [path.read_text(encoding="utf-8") for path in (SQL.parent / "gateway").rglob("*.py")]
    return sorted({word for text in texts for word in re.findall(r"\b([a-z_][a-z_0-9]*)\(", text)})


def _spy(name: str, types: list[str], result: str, call: str, *, what: str, is_set: bool = False) -> str:
    if result == "void":
        answer = f"perform {call}"
    else:
        answer = f"return query select * from {call}" if is_set else f"return {call}"
    return (
        f'create function public."{name}"({", ".join(types)}) returns {result} language plpgsql as $spy$ begin '
        f"insert into public.ran (what) values ('{what}'); {answer}; end $spy$;"
    )


def _operator(number: int, name: str, left: str | None, right: str, result: str) -> str:
    types = [right] if left is None else [left, right]
    call = f"operator(pg_catalog.{name}) $1" if left is None else f"$1 operator(pg_catalog.{name}) $2"
    spy = _spy(f"op_{number}", types, result, call, what=f"operator {name} ({', '.join(types)})")
    sides = f"rightarg = {right}" if left is None else f"leftarg = {left}, rightarg = {right}"
    return spy + f'create operator public.{name} ({sides}, function = public."op_{number}");'


def _aggregate(number: int, name: str, argument: str) -> str:
    better = {"min": "least($1, $2)", "max": "greatest($1, $2)"}.get(
        name, "coalesce($1 operator(pg_catalog.+) $2, $1, $2)"
    )
    spy = _spy(f"agg_{number}", [argument, argument], argument, better, what=f"aggregate {name}({argument})")
    return spy + f'create aggregate public."{name}"({argument}) (sfunc = public."agg_{number}", stype = {argument});'


async def plant(app: Any) -> int:
    """Plant all of it over the application's own connection, and return how many objects there are."""
    await app.execute("set search_path = pg_catalog")
    await app.execute(RECORD)
    enums = [
        row["name"]
        for row in await app.fetch(
            "select format_type(oid, null) as name from pg_type "
            "where typnamespace = to_regnamespace('smsgw') and typtype = 'e'"
        )
    ]
    operators = [tuple(row) for row in await app.fetch(OPERATORS, NOT_FOR_PLPGSQL)]
    operators += [(name, enum, enum, "boolean") for enum in enums for name in ("=", "<>", "<", "<=", ">", ">=")]
    functions = await app.fetch(FUNCTIONS, NOT_FOR_PLPGSQL, names_of_functions())
    script = [_operator(number, *operator) for number, operator in enumerate(operators)]
    for row in functions:
        arguments = ", ".join(f"${number + 1}" for number in range(len(row["types"])))
        call = f'pg_catalog."{row["name"]}"({arguments})'
        what = f"function {row['name']}({', '.join(row['types'])})"
        script.append(_spy(row["name"], row["types"], row["result"], call, what=what, is_set=row["is_set"]))
    script.append(
        _spy("count_one", ["bigint"], "bigint", "$1 operator(pg_catalog.+) 1", what="aggregate count(*)")
        + "create aggregate public.count(*) (sfunc = public.count_one, stype = bigint, initcond = '0');"
    )
    script += [_aggregate(number, *aggregate) for number, aggregate in enumerate(AGGREGATES)]
    script.append(
        "create function public.is_value(what text) returns boolean language plpgsql as $spy$ begin "
        "insert into public.ran (what) values (what); return true; end $spy$;"
    )
    script += [f"create domain public.\"{name}\" as {name} check (public.is_value('type {name}'));" for name in TYPES]
    await app.execute("".join(script))
    # A cast needs a type of one's own, so this is all that can be had.
    await app.execute(
        "create type public.bait as (n integer);"
        + _spy("bait_text", ["public.bait"], "text", "'bait'", what="cast bait to text")
        + "create cast (public.bait as text) with function public.bait_text(public.bait) as implicit;"
    )
    return len(script)


async def ran(connection: Any) -> list[tuple[str, str, str]]:
    """Return what was called, by whom, in which statement."""
    rows = await connection.fetch("select what, by_role, statement from public.ran")
    return [(row["what"], row["by_role"], row["statement"]) for row in rows]
