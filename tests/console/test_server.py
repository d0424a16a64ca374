"""The ops listener: open health checks, protected pages, masked numbers, what a change requires."""

import re
from typing import Any

import pytest

from gateway.settings import load

TOKEN, READER = "the-token-of-the-console", "the-token-of-readers"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PAGES = ("/", "/messages", "/stuck", "/replay", "/lanes", "/suppression", "/replies", "/log", "/health")


@pytest.fixture
async def message_id(connection: Any) -> int:
    """A message with markup in its text and reference."""
    return int(
        await connection.fetchval(
            "insert into smsgw.outbox (to_number, body, reference) "
            "values ('+12025550123', '<b>secret</b>', '<i>r</i>') returning id"
        )
    )


async def csrf_of(client: Any, path: str = "/lanes") -> str:
    """Return the CSRF token in a page's forms."""
    page = await (await client.get(path)).text()
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def log_in(client: Any, token: str = TOKEN) -> Any:
    return await client.post("/login", data={"token": token, "name": "Ada"}, allow_redirects=False)


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_readiness_reports_the_checks(open_console: Any, ready: bool, status: int) -> None:
    client = await open_console(token=TOKEN, ready=ready)
    assert (await client.get("/readyz")).status == status
    assert (await client.get("/healthz")).status == 200


async def test_metrics_need_no_token(open_console: Any) -> None:
    client = await open_console(token=TOKEN)
    assert "smsgw_build_info" in await (await client.get("/metrics")).text()


@pytest.mark.parametrize("path", ["/api/status", "/api/messages", "/api/messages/1", "/api/openapi.json"])
async def test_the_api_needs_the_token(open_console: Any, path: str) -> None:
    client = await open_console(token=TOKEN)
    assert (await client.get(path)).status == 401
    assert (await client.get(path, headers={"Authorization": "Bearer wrong"})).status == 401
    assert (await client.get(path, headers=BEARER)).status in {200, 404}


@pytest.mark.parametrize("header", ["Bearer ", "Bearer", "Bearer   ", "bearer \t"])
@pytest.mark.parametrize("access", [{"token": TOKEN}, {"token": TOKEN, "reader_token": READER}])
async def test_a_blank_token_opens_nothing(open_console: Any, access: dict[str, str], header: str) -> None:
    client = await open_console(**access)
    assert (await client.get("/api/status", headers={"Authorization": header})).status == 401
    for blank in ("", " "):
        assert (await log_in(client, blank)).status == 401


async def test_a_login_sets_a_cookie_and_a_logout_ends_the_session(open_console: Any) -> None:
    client = await open_console(token=TOKEN)
    assert (await client.get("/", allow_redirects=False)).headers["Location"] == "/login"
    assert (await log_in(client, "wrong")).status == 401
    answer = await log_in(client)
    for word in ("HttpOnly", "SameSite=Strict"):
        assert word in answer.headers["Set-Cookie"]
    cookie = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
    assert (await client.get("/", allow_redirects=False)).status == 200
    await client.post("/logout", data={"csrf": await csrf_of(client)})
    assert (await client.get("/", headers=cookie, allow_redirects=False)).status == 303


async def test_failed_logins_are_limited(open_console: Any) -> None:
    client = await open_console(token=TOKEN)
    for _ in range(3):
        await log_in(client, "wrong")
    assert (await log_in(client)).status == 303
    statuses = [(await log_in(client, "wrong")).status for _ in range(4)]
    assert statuses[-1] == 429
    assert (await log_in(client)).status == 429


async def test_without_a_token_only_loopback_host_names_are_served(open_console: Any) -> None:
    client = await open_console()
    assert (await client.get("/api/status")).status == 200
    assert (await client.get("/api/status", headers={"Host": "evil.example"})).status == 401


@pytest.mark.parametrize("path", [*PAGES, "/messages/{}"])
async def test_pages_mask_numbers_and_escape_values(open_console: Any, message_id: int, path: str) -> None:
    client = await open_console()
    answer = await client.get(path.format(message_id))
    page = await answer.text()
    assert answer.status == 200
    assert "5550123" not in page
    assert "secret" not in page
    assert "<i>r</i>" not in page
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert re.search(r"<[^>]+ (style|on[a-z]+)=", page) is None


async def test_an_unknown_message_is_404(open_console: Any) -> None:
    client = await open_console()
    assert (await client.get("/messages/999")).status == 404
    assert (await client.get("/messages/9999999999999999999")).status == 404


async def test_a_change_by_cookie_requires_the_csrf_token(open_console: Any, connection: Any) -> None:
    client = await open_console(token=TOKEN)
    await log_in(client)
    pause = {"scope": "lane", "subject": "bulk", "because": "x"}
    assert (await client.post("/lanes/pause", data=pause)).status == 403
    assert (await client.post("/lanes/pause", data=pause | {"csrf": "x" * 43})).status == 403
    assert await connection.fetchval("select count(*) from smsgw.pause") == 0
    given = pause | {"csrf": await csrf_of(client)}
    assert (await client.post("/lanes/pause", data=given, allow_redirects=False)).status == 303
    assert await connection.fetchval("select actor from smsgw.pause") == "Ada (console)"
    assert (
        await connection.fetchval("select actor from smsgw.operator_action where action = 'pause'") == "Ada (console)"
    )


async def test_a_cross_site_change_is_refused(open_console: Any) -> None:
    client = await open_console(token=TOKEN)
    await log_in(client)
    given = {"scope": "all", "because": "x", "csrf": await csrf_of(client)}
    answer = await client.post("/lanes/pause", data=given, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403


async def test_a_reader_can_read_and_not_change(open_console: Any, message_id: int, connection: Any) -> None:
    client = await open_console(token=TOKEN, reader_token=READER)
    await log_in(client, READER)
    page = await (await client.get("/messages")).text()
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf is not None
    assert (await client.post("/messages", data={"csrf": csrf[1], "number": "+12025550123"})).status == 200
    assert (await client.post(f"/messages/{message_id}/reveal", data={"csrf": csrf[1]})).status == 403
    reader = {"Authorization": f"Bearer {READER}"}
    assert (await client.post(f"/api/messages/{message_id}/reveal", headers=reader)).status == 403
    assert (await client.post("/api/replay/plan", json={}, headers=reader)).status == 200
    assert await connection.fetchval("select count(*) from smsgw.operator_action") == 0


async def test_revealing_is_recorded(open_console: Any, message_id: int, connection: Any) -> None:
    client = await open_console(token=TOKEN)
    answer = await client.post(f"/api/messages/{message_id}/reveal", headers=BEARER)
    assert (await answer.json())["to_number"] == "+12025550123"
    row = await connection.fetchrow("select actor, action, message_ids from smsgw.operator_action")
    assert tuple(row) == ("api (console)", "reveal", [message_id])


async def test_only_a_user_who_logged_in_can_log_out(open_console: Any) -> None:
    client = await open_console(token=TOKEN)
    assert "Log out" not in await (await client.get("/", headers=BEARER)).text()
    await log_in(client)
    assert "Log out" in await (await client.get("/")).text()
    on_loopback = await open_console()
    assert "Log out" not in await (await on_loopback.get("/")).text()
    proxied = await open_console(**behind_proxy())
    assert "Log out" not in await (await proxied.get("/", headers={"X-Forwarded-User": "ada"})).text()


def behind_proxy(**more: Any) -> dict[str, Any]:
    settings = load(ops_proxy_header="X-Forwarded-User", ops_proxy_addresses="127.0.0.1,::1", **more)
    return {
        "proxy_header": settings.ops_proxy_header,
        "proxy_addresses": settings.ops_proxy_addresses,
        "proxy_operators": settings.ops_proxy_operators,
    }


async def test_a_trusted_proxy_names_the_user_and_the_settings_grant_the_role(open_console: Any) -> None:
    client = await open_console(**behind_proxy(ops_proxy_operators="grace"))
    assert (await client.get("/")).status == 401
    assert "reader</span> ada" in await (await client.get("/", headers={"X-Forwarded-User": "ada"})).text()
    assert "operator</span> grace" in await (await client.get("/", headers={"X-Forwarded-User": "grace"})).text()


async def test_a_proxy_header_that_is_duplicate_or_from_another_address_is_ignored(open_console: Any) -> None:
    client = await open_console(**behind_proxy())
    twice = [("X-Forwarded-User", "ada"), ("X-Forwarded-User", "grace")]
    assert (await client.get("/", headers=twice)).status == 401
    elsewhere = behind_proxy() | {
        "proxy_addresses": load(ops_proxy_header="X", ops_proxy_addresses="10.0.0.1").ops_proxy_addresses
    }
    other = await open_console(**elsewhere)
    assert (await other.get("/", headers={"X-Forwarded-User": "ada"})).status == 401


async def test_a_cookie_is_secure_behind_a_tls_proxy(open_console: Any) -> None:
    client = await open_console(token=TOKEN, **behind_proxy())
    given = {"token": TOKEN, "name": "Ada"}
    tls = {"X-Forwarded-Proto": "https"}
    assert (
        "Secure" in (await client.post("/login", data=given, headers=tls, allow_redirects=False)).headers["Set-Cookie"]
    )
    assert "Secure" not in (await client.post("/login", data=given, allow_redirects=False)).headers["Set-Cookie"]


async def test_a_searched_number_is_never_in_an_address(open_console: Any, message_id: int) -> None:
    client = await open_console()
    csrf = await csrf_of(client, "/messages")
    answer = await client.post("/messages", data={"csrf": csrf, "number": "202 555 0123"}, allow_redirects=False)
    assert answer.status == 200
    assert f'href="/messages/{message_id}"' in await answer.text()
    assert "5550123" not in str(answer.headers)
    answer = await client.post("/messages", data={"csrf": csrf, "reference": "a b"}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/messages?reference=a+b")


@pytest.mark.parametrize(
    "query", ["state=gone", "since=soon", "within=forever", "id=x", "lane=A", "tag=%00", "reason=%3C"]
)
async def test_an_invalid_filter_is_explained(open_console: Any, query: str) -> None:
    client = await open_console()
    answer = await client.get(f"/messages?{query}")
    assert answer.status == 400
    assert 'role="alert"' in await answer.text()


async def test_without_a_database_pages_report_it(open_console: Any, pool: Any) -> None:
    client = await open_console()
    await pool.close()
    answer = await client.get("/messages")
    assert answer.status == 503
    assert "The database does not respond" in await answer.text()
    assert (await client.get("/api/lanes")).status == 503


async def test_the_doctor_page_shows_remedies(open_console: Any) -> None:
    from gateway.operations.doctor.checks import fail, ok

    async def doctor() -> list[Any]:
        return [ok("schema", "is current"), fail("key", "is refused", "set a valid one")]

    client = await open_console(doctor=doctor)
    page = await (await client.get("/health/doctor")).text()
    assert "set a valid one" in page
    found = await (await client.get("/api/doctor")).json()
    assert [check["level"] for check in found] == ["ok", "fail"]
