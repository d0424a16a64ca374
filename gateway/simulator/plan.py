"""The fault plan: the seed, how ids are remembered, and the rules. Read from TOML, JSON or an admin call."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.simulator.rules import FaultError, Rule, read_rule

KEYS = ("request_id", "recipients")


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan of faults."""

    seed: int = 1
    by: str = "request_id"
    """What identifies a request. Ids are new in each run, so a run is repeated only by its `recipients`."""
    memory: float | None = None
    """Seconds for which an id is remembered; None uses the configuration."""
    consumed_by: frozenset[int] = frozenset()
    """Statuses of answers that use up an id although nothing was sent."""
    rules: tuple[Rule, ...] = field(default=())

    def changed(self, changes: Any) -> "Plan":
        """Return the plan with keys of some rules changed, each rule by its name; raises `FaultError`."""
        if not isinstance(changes, dict) or not all(isinstance(change, dict) for change in changes.values()):
            raise FaultError("must be an object: the name of a rule to the keys that change")
        rules = list(self.rules)
        for name, change in changes.items():
            index = next((number for number, rule in enumerate(rules) if rule.name == name), None)
            if index is None:
                raise FaultError(f"{name}: no rule has this name; there are {', '.join(r.name for r in rules)}")
            rules[index] = read_rule(rules[index].as_dict() | change, index)
        return replace(self, rules=_distinct(rules))

    def added(self, written: Any) -> "Plan":
        """Return the plan with more rules; raises `FaultError`."""
        more = written if isinstance(written, list) else [written]
        start = len(self.rules)
        return replace(
            self, rules=_distinct([*self.rules, *(read_rule(one, start + at) for at, one in enumerate(more))])
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as a plan file has it."""
        ids: dict[str, Any] = {"consumed_by": sorted(self.consumed_by)}
        if self.memory is not None:
            ids["memory"] = self.memory
        return {"seed": self.seed, "by": self.by, "ids": ids, "fault": [rule.as_dict() for rule in self.rules]}


def read_plan(written: Any) -> Plan:
    """Return the plan in this object; raises `FaultError` naming the key."""
    if not isinstance(written, dict):
        raise FaultError("must be a table with seed, by, ids, fault")
    for key in written:
        if key not in {"seed", "by", "ids", "fault"}:
            raise FaultError(f"{key}: no such key; there are seed, by, ids, fault", key=key)
    seed, by, ids, faults = (written.get(k, d) for k, d in (("seed", 1), ("by", KEYS[0]), ("ids", {}), ("fault", [])))
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise FaultError("seed: must be a whole number", key="seed")
    if by not in KEYS:
        raise FaultError(f"by: must be one of {', '.join(KEYS)}", key="by")
    if not isinstance(faults, list):
        raise FaultError("fault: must be a list of tables, each written as [[fault]]", key="fault")
    memory, consumed_by = _ids(ids)
    rules = [read_rule(one, index) for index, one in enumerate(faults)]
    return Plan(seed, by, memory, consumed_by, _distinct(rules))


def _ids(ids: Any) -> tuple[float | None, frozenset[int]]:
    if not isinstance(ids, dict):
        raise FaultError("ids: must be a table", key="ids")
    for key in ids:
        if key not in {"memory", "consumed_by"}:
            raise FaultError(f"ids: {key}: no such key; there are memory, consumed_by", key=key)
    memory, statuses = ids.get("memory"), ids.get("consumed_by", [])
    if memory is not None and (isinstance(memory, bool) or not isinstance(memory, int | float) or memory < 0):
        raise FaultError("ids: memory: must be a number of seconds from 0 up", key="memory")
    whole = isinstance(statuses, list) and all(isinstance(one, int) and 400 <= one <= 599 for one in statuses)
    if not whole:
        raise FaultError("ids: consumed_by: must be a list of statuses from 400 to 599", key="consumed_by")
    return (None if memory is None else float(memory)), frozenset(statuses)


def _distinct(rules: list[Rule]) -> tuple[Rule, ...]:
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.name in seen:
            raise FaultError(f"fault {index + 1} ({rule.kind}): name: another rule has it", index=index, key="name")
        seen.add(rule.name)
    return tuple(rules)


def read_file(path: Path) -> Plan:
    """Return the plan in a TOML file, or a JSON one by its suffix; raises `FaultError` naming file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FaultError(f"{path}: cannot be read: {type(error).__name__}") from None
    try:
        written = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise FaultError(f"{path}: {error}") from None
    try:
        return read_plan(written)
    except FaultError as error:
        line = line_of(text, error, header=_HEADERS[path.suffix == ".json"])
        raise FaultError(f"{path}:{line}: {error}" if line else f"{path}: {error}") from None


_HEADERS: Mapping[bool, re.Pattern[str]] = {
    False: re.compile(r"^\s*\[\[\s*fault\s*\]\]"),
    True: re.compile(r"\"kind\"\s*:"),
}


def line_of(text: str, error: FaultError, *, header: re.Pattern[str]) -> int | None:
    """Return the line that an error is about, counted from 1; None if it is not known.

    In TOML a rule begins at its header. JSON has none: a rule's `kind` stands in for it, and the key is looked for from
    the `kind` before on, which is near enough for a person.
    """
    lines = text.splitlines()
    begins = [number for number, line in enumerate(lines) if header.search(line)]
    start, end = 0, len(lines)
    if error.index is not None and error.index < len(begins):
        start = begins[error.index]
        end = begins[error.index + 1] if error.index + 1 < len(begins) else end
    elif error.index is not None:
        return None
    if error.key is not None:
        written = re.compile(rf"(^|[\s{{,\[])\"?{re.escape(error.key)}\"?\s*[=:\]]")
        for number in range(start, end):
            if written.search(lines[number]):
                return number + 1
    return start + 1 if error.index is not None else None
