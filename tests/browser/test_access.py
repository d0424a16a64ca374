"""Access: by keyboard, on a phone, with a screen reader, without JavaScript, and as a reader."""

from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.async_api", reason="Playwright is not installed: the extra `test` has it")
expect = playwright.expect

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PAGES = ("/", "/messages", "/stuck", "/replay", "/lanes", "/suppression", "/replies", "/log", "/health")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERYTHING = {"type": "tag", "values": TAGS}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""The only rules that another colour scheme can break."""
SERIOUS = ("serious", "critical")
PHONE = {"width": 390, "height": 844}


async def serious_violations(page: Any, rules: dict[str, Any]) -> list[str]:
    """Return the serious violations that axe finds on a page. Playwright evaluates it outside the page's CSP."""
    await page.evaluate(AXE.read_text())
    result = await page.evaluate("rules => axe.run({ runOnly: rules, resultTypes: ['violations'] })", rules)
    return [
        f"{page.url} {one['id']}: {node['html'][:120]}"
        for one in result["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"][:3]
    ]


@pytest.mark.parametrize(("scheme", "rules"), [("light", EVERYTHING), ("dark", COLOURS)])
async def test_axe_finds_no_serious_violation(world: Any, visit: Any, scheme: str, rules: Any) -> None:
    [message_id] = await world.uncertain()
    page = await visit(color_scheme=scheme)
    found = []
    for path in (*PAGES, f"/messages/{message_id}"):
        await page.goto(path)
        await page.get_by_role("heading", level=1).wait_for()
        found += await serious_violations(page, rules)
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_label("Token").wait_for()
    # The colours are right only once the style sheet is loaded.
    await page.wait_for_load_state("load")
    found += await serious_violations(page, rules)
    assert found == []


async def test_no_page_scrolls_sideways_on_a_phone(world: Any, visit: Any) -> None:
    ids = await world.enqueue(1, "phone")
    page = await visit(viewport=PHONE, has_touch=True, is_mobile=True)
    too_wide = []
    for path in (*PAGES, f"/messages/{ids[0]}"):
        await page.goto(path)
        if await page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            too_wide.append(path)
    assert too_wide == []


async def test_a_message_can_be_found_by_keyboard(world: Any, visit: Any) -> None:
    [message_id] = await world.enqueue(1, "keyboard")
    page = await visit(token=None)
    await expect(page.get_by_label("Token")).to_be_focused()
    await page.keyboard.type("token-of-the-operators")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Ada")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Overview").wait_for()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await tab_to(page, "Messages")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Messages").wait_for()
    await tab_to(page, "Reference")
    await page.keyboard.type("keyboard")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name=str(message_id), exact=True)).to_be_visible()
    await tab_to(page, str(message_id))
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text(f"Message {message_id}")


async def tab_to(page: Any, name: str) -> None:
    """Press Tab until the focused element has this name."""
    focused_name = "(e => (e.labels?.[0]?.firstChild?.textContent ?? e.textContent).trim())(document.activeElement)"
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await page.evaluate(focused_name) == name:
            return
    pytest.fail(f"Tab did not reach {name}")


async def test_a_reader_sees_no_buttons_for_changes(world: Any, visit: Any) -> None:
    [message_id] = await world.enqueue(1, "read")
    page = await visit(token="token-of-the-readers")
    await page.goto(f"/messages/{message_id}")
    await expect(page.get_by_role("button", name="Reveal")).to_have_count(0)
    await page.goto("/lanes")
    await expect(page.get_by_role("button", name="Pause")).to_have_count(0)


async def test_pages_work_without_javascript(world: Any, visit: Any) -> None:
    [message_id] = await world.enqueue(1, "still")
    page = await visit(java_script_enabled=False)
    await page.goto("/messages")
    await page.get_by_label("Reference").fill("still")
    await page.get_by_role("button", name="Search").click()
    await page.get_by_role("link", name=str(message_id), exact=True).click()
    await page.get_by_role("button", name="Reveal").click()
    await expect(page.get_by_text("Text number 1")).to_be_visible()
