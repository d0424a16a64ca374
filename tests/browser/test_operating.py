"""The tasks of an operator, in a real browser."""

from typing import Any

import pytest
from support.processes import poll

playwright = pytest.importorskip("playwright.async_api", reason="Playwright is not installed: the extra `test` has it")
expect = playwright.expect

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]


async def test_a_message_is_found_by_number_and_shows_its_timeline(world: Any, visit: Any) -> None:
    [message_id] = await world.enqueue(1, "order_123")
    await world.until([message_id], "delivered")
    page = await visit()
    await page.get_by_role("link", name="Messages", exact=True).click()
    await page.get_by_label("Number").fill("(202) 555-0101")
    await page.get_by_label("Reference").fill("order_123")
    await page.get_by_role("button", name="Search").click()
    await page.get_by_role("link", name=str(message_id), exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("delivered")
    timeline = page.get_by_role("list").filter(has_text="enqueued")
    for word in ("enqueued", "bound to request", "accepted", "receipt"):
        await expect(timeline).to_contain_text(word)
    assert "5550101" not in page.url


async def test_revealing_shows_number_and_text_and_is_recorded(world: Any, visit: Any) -> None:
    [message_id] = await world.enqueue(1, "secret")
    page = await visit()
    await page.goto(f"/messages/{message_id}")
    assert "Text number" not in await page.content()
    assert "+12025550101" not in await page.content()
    await page.get_by_role("button", name="Reveal").click()
    await expect(page.get_by_text("Text number 1")).to_be_visible()
    await expect(page.get_by_text("+12025550101")).to_be_visible()
    recorded = await world.connection.fetchval(
        "select actor from smsgw.operator_action where action = 'reveal' and message_ids = array[$1::bigint]",
        message_id,
    )
    assert recorded == "Ada (console)"


async def test_a_failed_batch_is_replayed_after_a_dry_run(world: Any, visit: Any) -> None:
    await world.simulator.change(max_recipients=0)
    ids = await world.enqueue(20, "batch", tags='{"campaign": "failed"}')
    await world.until(ids, "failed")
    await world.simulator.change(max_recipients=1000)
    page = await visit()
    await page.goto("/stuck")
    await page.get_by_role("link", name="Replay… bad_request").click()
    await page.get_by_label("Tag").fill("campaign=failed")
    await page.get_by_role("button", name="Dry run").click()
    await expect(page.locator("#safe")).to_have_text("20")
    await expect(page.locator("#risky")).to_have_text("0")
    assert await world.connection.fetchval("select count(*) from smsgw.replay where filters->>'tag' is not null") == 0
    await page.get_by_label("Why?").fill("the provider fixed it")
    await page.get_by_role("button", name="Replay 20 messages").click()
    await expect(page.get_by_text("Finished.", exact=True)).to_be_visible()
    await world.until(ids, "delivered")
    counts = {entry["count"] for entry in (await world.simulator.get("ledger"))["entries"]}
    assert counts == {1}


async def test_an_uncertain_message_is_resolved(world: Any, visit: Any) -> None:
    await world.simulator.change(fail_next=["500_before", "403"])
    ids = await world.enqueue(1, "lost")
    await world.until(ids, "uncertain")
    page = await visit()
    await page.goto("/stuck")
    article = page.get_by_role("article").filter(has_text=f"Message {ids[0]} ")
    await article.get_by_label(f"Result of message {ids[0]}").select_option("failed")
    await article.get_by_label("What did you find out, and where?").fill("not in the provider's listing")
    await article.get_by_role("button", name="Resolve").click()
    await expect(page.get_by_text("Resolved.")).to_be_visible()
    await world.until(ids, "failed")
    await page.goto("/log")
    await expect(page.get_by_role("row").nth(1)).to_contain_text("resolve_failed")
    await expect(page.get_by_role("row").nth(1)).to_contain_text("not in the provider's listing")


async def test_a_paused_lane_shows_its_backlog_live(world: Any, visit: Any) -> None:
    page = await visit()
    await page.get_by_role("link", name="Lanes", exact=True).click()
    pauses = page.get_by_role("region", name="Pauses")
    await pauses.get_by_label("Name").fill("bulk")
    await pauses.get_by_label("Why?").fill("wrong text in the campaign")
    await pauses.get_by_role("button", name="Pause", exact=True).click()
    await expect(page.get_by_text("Paused. Requests in flight complete")).to_be_visible()
    live_page = await visit()
    waiting = live_page.locator('[data-waiting="bulk"]')
    curve = live_page.locator("#plot-waiting path.s0").first
    before = await curve.get_attribute("d")
    await expect(waiting).to_have_text("0")
    ids = await world.enqueue(70, "sale", lane="bulk")
    await expect(waiting).to_have_text("70")
    await expect(curve).not_to_have_attribute("d", before)
    [code] = await world.enqueue(1, "login", lane="otp")
    await world.until([code], "delivered")
    await pauses.get_by_role("button", name="Resume lane bulk").click()
    await expect(page.get_by_text("Resumed.")).to_be_visible()
    await expect(waiting).to_have_text("0")
    await world.until(ids, "delivered")


async def test_a_lane_is_changed(world: Any, visit: Any) -> None:
    page = await visit()
    await page.goto("/lanes")
    lane = page.get_by_role("article", name="bulk")
    await lane.get_by_label("Weight").fill("3")
    await lane.get_by_role("button", name="Change bulk").click()
    await expect(page.get_by_text("Lane saved")).to_be_visible()
    assert await world.connection.fetchval("select weight from smsgw.lane where name = 'bulk'") == 3
    assert (
        await world.connection.fetchval("select extract(epoch from ttl) from smsgw.lane where name = 'bulk'") == 259200
    )


async def test_a_number_is_suppressed_checked_and_removed(world: Any, visit: Any) -> None:
    page = await visit()
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto("/suppression")
    await page.get_by_label("Number to suppress").fill("+12025550155")
    await page.get_by_label("Why?", exact=True).fill("asked by letter")
    await page.get_by_role("button", name="Suppress", exact=True).click()
    await expect(page.get_by_text("Suppressed. This number")).to_be_visible()
    await page.get_by_label("Number to check").fill("202-555-0155")
    await page.get_by_role("button", name="Check").click()
    await expect(page.get_by_text("This number is suppressed")).to_be_visible()
    assert "+12025550155" not in await page.content()
    await page.get_by_label("Number to remove").fill("+12025550155")
    await page.get_by_label("Who consented, and how?").fill("she called")
    await page.get_by_role("button", name="Remove").click()
    await expect(page.get_by_text("Removed. This number gets messages again.")).to_be_visible()


async def test_a_reply_is_masked_until_it_is_revealed(world: Any, visit: Any) -> None:
    [message_id] = await world.enqueue(1, "asked")
    await world.until([message_id], "delivered")
    address = f"{world.simulator.base}/admin/reply"
    page = await visit()
    await page.request.post(address, data={"number": "+12025550101", "text": "When will it come?"})
    await poll(lambda: world.connection.fetchval("select exists(select from smsgw.inbound)"))
    await page.goto("/replies")
    await expect(page.get_by_role("button", name="Reveal").first).to_be_visible()
    assert "When will it come?" not in await page.content()
    await page.get_by_role("button", name="Reveal").first.click()
    await expect(page.get_by_text("When will it come?")).to_be_visible()


async def test_the_doctor_runs_when_the_health_page_opens(visit: Any) -> None:
    page = await visit()
    await page.goto("/health")
    doctor = page.get_by_role("region", name="Doctor")
    await expect(doctor.get_by_role("listitem").filter(has_text="claim plan")).to_contain_text("outbox_waiting")
    await expect(doctor.get_by_role("listitem").filter(has_text="key")).to_contain_text("accepted by the provider")


async def test_a_waiting_message_shows_why_and_can_be_cancelled(world: Any, visit: Any) -> None:
    await world.connection.execute(
        "insert into smsgw.pause (scope, subject, actor, reason) "
        "values ('tag', 'later', 'ada', 'until the text is right')"
    )
    [message_id] = await world.enqueue(1, "waits", tags='{"later": "yes"}')
    page = await visit()
    await page.goto(f"/messages/{message_id}")
    await expect(page.get_by_role("region", name="What it waits for")).to_contain_text("until the text is right")
    await page.get_by_label("Why cancel it?").fill("not wanted any more")
    await page.get_by_role("button", name="Cancel message").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    await world.connection.execute("delete from smsgw.pause where subject = 'later'")


async def test_a_search_for_rare_matches_continues_automatically(world: Any, visit: Any) -> None:
    """The oldest message is behind more messages than one search reads in its time."""
    [oldest] = await world.enqueue(1, "needle", tags='{"needle": "yes"}')
    await world.connection.execute(
        "insert into smsgw.outbox (to_number, body, lane, reference, not_before) "
        "select '+12025550199', 'x', 'bulk', 'hay', now() + interval '1 day' from generate_series(1, 40000)"
    )
    page = await visit()
    await page.goto("/messages?tag=needle")
    await expect(page.get_by_role("link", name=str(oldest), exact=True)).to_be_visible()
    await world.connection.execute(
        "update smsgw.outbox set terminal_status = 'cancelled', final_at = now() where reference = 'hay'"
    )
