"""Finding one message among many: each filter, each way into the table, page by page."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from support.operating import accepted, deliver, expired, failed, uncertain
from support.outbox import enqueue, state

from gateway.domain.states import State
from gateway.operations.search import Page, count, find, with_implied_states
from gateway.store import searches
from gateway.store.filters import Filters

Make = Callable[..., Any]


def ids(page: Page) -> list[int]:
    return [message.id for message in page.messages]


@pytest.fixture
async def mixed(operator: Any, worker: Make) -> dict[str, int]:
    """One message in each of many states."""
    one = worker()
    await operator.execute("update smsgw.lane set coalesce = false")
    found: dict[str, int] = {}
    (found["failed"],) = await failed(operator, one, reference="order_1", tags={"campaign": "may"})
    (found["uncertain"],) = await uncertain(operator, one, tenant="shop")
    await operator.execute("update smsgw.lane set coalesce = false")
    found["accepted"], found["delivered"], found["undelivered"] = await accepted(operator, one, 3)
    await deliver(operator, found["delivered"])
    await deliver(operator, found["undelivered"], "undeliverable")
    (found["expired"],) = await expired(operator)
    found["ready"] = await enqueue(operator, 77, lane="bulk")
    found["scheduled"] = await enqueue(operator, 78, not_before=datetime.now(UTC) + timedelta(hours=1))
    return found


@pytest.mark.parametrize(
    "state", ["failed", "uncertain", "accepted", "delivered", "undelivered", "expired", "ready", "scheduled"]
)
async def test_each_state_is_found_by_its_own_way(operator: Any, mixed: dict[str, int], state: str) -> None:
    assert ids(await find(operator, Filters(states=(state,)))) == [mixed[state]]


async def test_without_a_filter_the_newest_come_first(operator: Any, mixed: dict[str, int]) -> None:
    assert ids(await find(operator, Filters())) == sorted(mixed.values(), reverse=True)


async def test_several_states_are_merged_in_the_order_of_ids(operator: Any, mixed: dict[str, int]) -> None:
    wanted = ("failed", "uncertain", "expired", "ready", "undelivered")
    found = ids(await find(operator, Filters(states=wanted)))
    assert found == sorted((mixed[state] for state in wanted), reverse=True)


@pytest.mark.parametrize(
    ("filters", "state"),
    [
        (Filters(reference="order_1"), "failed"),
        (Filters(tag="campaign"), "failed"),
        (Filters(tag="campaign=may"), "failed"),
        (Filters(tenant="shop"), "uncertain"),
        (Filters(lane="bulk"), "ready"),
        (Filters(number="+12025550077"), "ready"),
        (Filters(reason="undeliverable", states=("undelivered",)), None),
        (Filters(reason="forbidden", states=("failed",)), "failed"),
        (Filters(tag="campaign=june"), None),
    ],
)
async def test_each_filter_leaves_what_it_names(
    operator: Any, mixed: dict[str, int], filters: Filters, state: str | None
) -> None:
    assert ids(await find(operator, filters)) == ([mixed[state]] if state else [])


async def test_a_request_finds_the_messages_that_it_carries(operator: Any, mixed: dict[str, int]) -> None:
    request = await operator.fetchval("select request_id from smsgw.outbox where id = $1", mixed["failed"])
    assert ids(await find(operator, Filters(request_id=UUID(str(request))))) == [mixed["failed"]]


async def test_a_status_finds_what_met_it_and_did_not_go_well(operator: Any, mixed: dict[str, int]) -> None:
    assert ids(await find(operator, Filters(status=403))) == sorted([mixed["failed"], mixed["uncertain"]], reverse=True)
    assert ids(await find(operator, Filters(status=402))) == []


async def test_times_are_compared_exactly_whatever_the_slack_of_the_search(
    operator: Any, mixed: dict[str, int]
) -> None:
    moment = await operator.fetchval("select created_at from smsgw.outbox where id = $1", mixed["ready"])
    newer = [mixed["scheduled"], mixed["ready"]]
    assert ids(await find(operator, Filters(since=moment))) == newer
    older = ids(await find(operator, Filters(until=moment)))
    assert older == sorted(set(mixed.values()) - set(newer), reverse=True)


async def test_when_it_ended_is_another_question(operator: Any, mixed: dict[str, int]) -> None:
    await operator.execute("update smsgw.outbox set final_at = now() - interval '1 day' where id = $1", mixed["failed"])
    yesterday = datetime.now(UTC) - timedelta(hours=12)
    assert ids(await find(operator, Filters(states=("failed",), ended_until=yesterday))) == [mixed["failed"]]
    assert ids(await find(operator, Filters(states=("failed",), ended_since=yesterday))) == []


async def test_pages_follow_each_other_without_a_gap_or_a_repetition(operator: Any) -> None:
    made = [await enqueue(operator, index) for index in range(7)]
    seen: list[int] = []
    below = None
    while True:
        page = await find(operator, Filters(states=("ready",)), below=below, limit=3)
        seen += ids(page)
        below = page.next
        if below is None:
            break
    assert seen == made[::-1]


async def test_a_search_that_finds_little_ends_for_its_time_and_says_where_to_go_on(
    operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "STRETCH", 30)
    made = [await enqueue(operator, index, tenant="rare" if index == 0 else "") for index in range(100)]
    short = await find(operator, Filters(tenant="rare"), limit=1, max_seconds=-1.0)
    assert short.timed_out
    assert ids(short) == []
    rest = await find(operator, Filters(tenant="rare"), below=short.next)
    assert (ids(rest), rest.next, rest.timed_out) == ([made[0]], None, False)


async def test_a_count_is_bounded(operator: Any) -> None:
    for index in range(5):
        await enqueue(operator, index)
    assert str(await count(operator, Filters(states=("ready",)))) == "5"
    assert str(await count(operator, Filters(states=("ready",)), limit=3)) == "3+"


async def test_an_uncertain_message_is_uncertain_under_a_pause_too(operator: Any, mixed: dict[str, int]) -> None:
    await operator.execute("insert into smsgw.pause (scope, actor, reason) values ('all', 'x', 'y')")
    assert ids(await find(operator, Filters(states=("uncertain",)))) == [mixed["uncertain"]]


def test_a_reason_narrows_the_search_to_states_that_have_one() -> None:
    assert "delivered" not in (with_implied_states(Filters(reason="no_credit")).states or ())
    assert set(with_implied_states(Filters(status=402)).states or ()) <= set(State)


async def test_the_bisection_finds_the_place_of_a_moment(operator: Any) -> None:
    made = [await enqueue(operator, index) for index in range(20)]
    for hours, message_id in enumerate(reversed(made)):
        await operator.execute(
            "update smsgw.outbox set created_at = now() - make_interval(hours => $2) where id = $1", message_id, hours
        )
    await operator.execute("delete from smsgw.outbox where id = $1", made.pop(10))
    for before, message_id in itertools.pairwise(made):
        moment = await operator.fetchval("select created_at from smsgw.outbox where id = $1", message_id)
        assert before < await operator.fetchval("select smsgw.first_id_since($1)", moment) <= message_id
    assert await operator.fetchval("select smsgw.first_id_since(now() + interval '1 day')") == made[-1] + 1


async def test_applications_see_it_as_uncertain_too(operator: Any, mixed: dict[str, int]) -> None:
    await operator.execute("insert into smsgw.pause (scope, actor, reason) values ('all', 'x', 'y')")
    assert await state(operator, mixed["uncertain"]) == "uncertain"
