"""Where the gateway connects to, and what it shows where."""

import ast
import asyncio
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from gateway.app.client import is_unencrypted
from gateway.cli.output import table, visible
from gateway.domain.outcome import Phase
from gateway.provider.mta.client import MobileTextAlerts
from gateway.provider.mta.response import read_answer

ROOT = Path(__file__).parent.parent.parent / "gateway"

OUTGOING = {"ClientSession", "urlopen", "open_connection", "create_connection", "HTTPConnection", "HTTPSConnection"}
CLIENTS = {"requests", "httpx", "urllib3", "http.client", "ftplib", "smtplib", "telnetlib"}

MAY_CALL = {
    "provider/mta/client.py": "the provider's API, at the address of the settings",
    "simulator/webhooks.py": "the simulated provider calls the webhooks that were registered with it",
    "cli/simulate.py": "a person asks a running simulator for its ledger, at the address of the option",
    "operations/doctor/webhooks.py": "`smsgw doctor` tries the webhooks that are registered at the provider",
    "app/local.py": "`smsgw up` asks its own child whether it is ready",
}
"""An address that stands in a message, like a media_url, is called by nobody here."""


def test_nobody_else_opens_a_connection() -> None:
    found = set()
    for path in ROOT.rglob("*.py"):
        if "bench" in path.parts:
            continue  # calls what it started itself
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        used |= {node.id for node in nodes if isinstance(node, ast.Name)}
        imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module is not None}
        if used & OUTGOING or imported & CLIENTS:
            found.add(str(path.relative_to(ROOT)))
    assert found - set(MAY_CALL) == set()


def test_the_certificate_of_the_provider_is_looked_at() -> None:
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for loosened in ("ssl=False", "verify_ssl", "CERT_NONE", "check_hostname", "_create_unverified_context"):
            assert loosened not in text, path


@pytest.fixture
def self_signed(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: it makes the certificate")
    about = ("-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *about, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return certificate, key


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_key_is_sent(
    self_signed: tuple[Path, Path],
) -> None:
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(1))
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*self_signed)
    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = MobileTextAlerts(f"https://localhost:{port}", "k", timeout=5.0, window=15.0, connections=1)
        answer = await client.send("a" * 32, b"{}")
        await client.close()
    assert (answer.phase, answer.error) == (Phase.NOT_SENT, "tls")
    assert not heard


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://api.example/v3", False), ("http://127.0.0.1:8025/v3", False), ("http://[::1]:8025", False),
        ("http://api.example/v3", True), ("http://127.0.0.1.example/v3", True), ("http://x@localhost.evil/", True),
    ],
)  # fmt: skip
def test_a_key_that_crosses_a_network_in_the_clear_is_told(address: str, told: bool) -> None:
    assert is_unencrypted(address) is told


def test_the_name_of_an_error_is_a_word_and_nothing_else() -> None:
    def name(value: str) -> str | None:
        return read_answer(400, {}, f'{{"name": "{value}"}}'.encode(), window=15.0, duration=0.0).error_name

    assert name("ValidationError") == "ValidationError"
    for hostile in ("to 12025550123", "no", "1", "<b>x</b>", "a" * 100, "a b"):
        assert name(hostile) == ("no" if hostile == "no" else None)


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x1b]0;owned\x07", "a\rb", "a\nb", "\u202egnp.exe", "\x9b31m", "\x00"])
def test_a_terminal_is_told_nothing_by_a_text(hostile: str, capsys: pytest.CaptureFixture[str]) -> None:
    table(("A",), [(hostile,)])
    shown = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert len(shown.splitlines()) == 2
    assert visible(hostile) in shown


def test_a_text_is_no_markup_of_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table(("A",), [("[red]x[/nowhere] [link=http://x]y",)])
    assert "[red]x[/nowhere] [link=http://x]y" in capsys.readouterr().out


def test_no_page_switches_the_escaping_off() -> None:
    for path in (ROOT / "console").rglob("*"):
        if path.suffix in {".html", ".py"}:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"\|\s*safe\b|autoescape\s*(?:false|=\s*False)|Markup\(", text), path
        if path.suffix == ".html":
            assert not re.search(r"\son[a-z]+\s*=|javascript:|<script>|<style>|\sstyle\s*=", text), path
