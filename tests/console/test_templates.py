"""Every template renders values of the types that its page passes.

Templates are not type-checked. The database of a test has no open route, no limit and no replay, so a page of an empty
installation does not reach every attribute. Here each value is made from its type, with every optional field set.
"""

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from gateway.console.auth import Identity
from gateway.console.inputs import MORE_FIELDS, SEARCH_FIELDS
from gateway.console.pages import overview, stuck
from gateway.console.pages.messages import WITHIN
from gateway.console.pages.replay import STEP_TEXTS
from gateway.console.rendering import Renderer
from gateway.console.sessions import Role
from gateway.console.status_cache import StatusSnapshot
from gateway.domain.reasons import ReasonCode
from gateway.operations.doctor import Check
from gateway.operations.lane_attributes import LANE_ATTRIBUTES
from gateway.operations.lanes import Lane
from gateway.operations.log import Action
from gateway.operations.pause import Pause
from gateway.operations.replay import Plan, Replay, ReplayCount, Step
from gateway.operations.reveal import Content, Reply
from gateway.operations.search import Page
from gateway.operations.suppression import Suppressed
from gateway.operations.timeline import Timeline
from gateway.operations.why import Why

VALUES: dict[Any, Any] = {
    str: "text", int: 3, float: 3.5, bool: True, Any: "text", UUID: UUID(int=7),
    datetime: datetime(2026, 11, 23, 14, 30, tzinfo=UTC),
}  # fmt: skip


def example(kind: Any) -> Any:
    """Return a value of a type: each optional field is set, each collection has one item."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in VALUES:
        return VALUES[kind]
    if origin in (typing.Union, types.UnionType):
        return example(next(one for one in arguments if one is not type(None)))
    if origin in (list, tuple, Sequence):
        return origin([example(arguments[0])]) if origin is not Sequence else [example(arguments[0])]
    if origin in (dict, Mapping):
        return {example(arguments[0]): example(arguments[1])}
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: example(hints[field.name]) for field in dataclasses.fields(kind)})


SNAPSHOT: StatusSnapshot = example(StatusSnapshot)
REPORT = SNAPSHOT.report
MESSAGE = example(Timeline).message
FIELDS = {
    "fields": dict.fromkeys(SEARCH_FIELDS, "text"), "more_fields": MORE_FIELDS, "states": ("failed",),
    "lane_names": ("otp",), "entered": {"reference": "text"},
}  # fmt: skip
LIST: dict[str, Any] = {
    **FIELDS, "page": example(Page), "older_query": "below=3", "query": "", "is_first_page": False, "within": WITHIN,
    "presets": [("Uncertain", "state=uncertain")],
}  # fmt: skip
PLAN = dataclasses.replace(example(Plan), steps=dict.fromkeys(Step, ReplayCount(2, 3)))
FAILURE = dataclasses.replace(example(stuck.FailureGroup), state="failed")

PAGES: dict[str, dict[str, Any]] = {
    "overview.html": overview.template_values(SNAPSHOT),
    "health.html": {
        "report": REPORT, "readiness": {"database": True}, "silent_after": 30.0, "receipts_counted": 1,
        "has_doctor": True,
    },
    "doctor.html": {"checks": [example(Check)]},
    "lanes.html": {
        "lanes": [example(Lane)], "attributes": LANE_ATTRIBUTES, "lane_status": {"text": REPORT.lanes[0]},
        "pauses": [example(Pause)], "paused_lanes": {"text"}, "scopes": ["lane"], "limits": REPORT.limits,
        "lane_name_pattern": "[a-z]+",
    },
    "log.html": {
        "actions": [example(Action)], "older": 3, "is_first_page": False, "actor": "", "action": "",
    },
    "message.html": {
        "timeline": example(Timeline), "message": MESSAGE, "is_waiting": True, "content": example(Content),
        "cancellable": True, "replayable": True,
    },
    "messages.html": LIST,
    "replay.html": {**FIELDS, "latest": [example(Replay)], "is_running": lambda _: True},
    "replay_plan.html": {
        "plan": PLAN, "entered": {"state": "failed"}, "new_ttl": "1h", "planned_at": "", "step_texts": STEP_TEXTS,
    },
    "replay_detail.html": {
        "replay": dataclasses.replace(example(Replay), finished_at=None, stopped=False), "is_running": False,
    },
    "replies.html": {
        "replies": [example(Reply)], "older": 3, "is_first_page": False, "keyword": "stop", "keywords": ("stop",),
        "revealed_reply": None,
    },
    "stuck.html": {
        "open_routes": [(REPORT.routes[0], example(ReasonCode))], "pauses": [(REPORT.pauses[0], example(ReasonCode))],
        "uncertain": example(Page), "failures": [FAILURE], "within": "24h", "unconfirmed": 3,
    },
    "suppression.html": {
        "newest": [example(Suppressed)], "older": "2026", "is_first_page": False, "checked": True,
        "suppressed": example(Suppressed),
    },
    "why.html": {"why": example(Why)},
    "error.html": {"title": "Not found", "message": "There is no message 3."},
    "login.html": {"error": "Wrong token.", "name": "Ada"},
}  # fmt: skip


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("template", PAGES)
def test_a_template_renders_values_of_its_types(template: str, role: Role) -> None:
    identity = Identity("Ada", role, ambient=True)
    html = Renderer().render(
        template, identity=identity, csrf="token", path="/", notice_text="Saved.", **PAGES[template]
    )
    assert "<h1>" in html


def test_every_page_is_tested() -> None:
    loader = Renderer()._templates
    pages = {name for name in loader.list_templates() if "/" not in name} - {"base.html", "macros.html"}
    assert pages == set(PAGES)
