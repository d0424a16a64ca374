"""Settings: where they come from, and how a bad one stops the start."""

from pathlib import Path
from typing import Any

import pytest

from gateway.settings import SettingsError, describe, load, unknown_variables


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting from outside, and an empty folder to look for files in."""
    import os

    for name in list(os.environ):
        if name.startswith(("SMSGW_", "MTA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_agree_with_each_other() -> None:
    assert load().request_limit == 25


@pytest.mark.parametrize(
    ("written", "seconds"), [("500ms", 0.5), ("15s", 15.0), ("10m", 600.0), ("24h", 86400.0), ("7", 7.0), ("1.5", 1.5)]
)
def test_a_duration_is_seconds_or_carries_a_unit(monkeypatch: pytest.MonkeyPatch, written: str, seconds: float) -> None:
    monkeypatch.setenv("SMSGW_POLL_INTERVAL", written)
    assert load().poll_interval == seconds


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("SMSGW_REQUEST_WINDOW", "soon", "must be seconds or carry a unit"),
        ("SMSGW_MAX_RECIPIENTS", "1001", "less than or equal to 1000"),
        ("SMSGW_WEBHOOK_LISTEN", "nowhere", "must be host:port"),
        ("SMSGW_LEASE", "30s", "10 + 30 + 5 = 45 s"),
        ("SMSGW_REQUEST_SPARE", "25", "leaves no requests to send with"),
        ("SMSGW_LOG_FORMAT", "xml", "'json' or 'console'"),
        ("SMSGW_IDEMPOTENCY_HORIZON", "10s", "must be longer than"),
        ("SMSGW_RETENTION", "1h", "is shorter than SMSGW_UNCONFIRMED_AFTER"),
    ],
)
def test_a_bad_value_stops_the_start_with_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as stopped:
        load()
    line = str(stopped.value)
    assert line.startswith(f"{name}: ")
    assert complaint in line
    assert "\n" not in line


def test_a_console_that_the_world_can_reach_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSGW_OPS_LISTEN", "0.0.0.0:9464")
    with pytest.raises(SettingsError, match="SMSGW_OPS_TOKEN"):
        load()


def test_a_secret_may_be_the_content_of_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("SMSGW_MTA_API_KEY_FILE", str(tmp_path / "key"))
    key = load().mta_api_key
    assert key is not None
    assert key.get_secret_value() == "from-a-file"


def test_a_secret_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMSGW_MTA_API_KEY", "a")
    monkeypatch.setenv("SMSGW_MTA_API_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(SettingsError, match="SMSGW_MTA_API_KEY"):
        load()


@pytest.mark.parametrize("line", ["SMSGW_MTA_API_KEY=from-dotenv", "MTA_API_KEY=from-dotenv"])
def test_the_key_may_stand_in_dotenv_with_or_without_the_prefix(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")
    key = load().mta_api_key
    assert key is not None
    assert key.get_secret_value() == "from-dotenv"


def test_the_environment_wins_over_the_toml_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "smsgw.toml").write_text('concurrency = 7\npoll_interval = "3s"\n')
    monkeypatch.setenv("SMSGW_CONFIG", str(tmp_path / "smsgw.toml"))
    monkeypatch.setenv("SMSGW_CONCURRENCY", "9")
    assert (load().concurrency, load().poll_interval) == (9, 3.0)


def write_config(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    Path("smsgw.toml").write_text(text)
    monkeypatch.setenv("SMSGW_CONFIG", "smsgw.toml")


@pytest.mark.parametrize("key", ["ops_token_file", "OPS_TOKEN_FILE"])
def test_the_toml_file_may_name_the_file_of_a_secret(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    Path("token").write_text("from-a-file\n")
    write_config(monkeypatch, f'{key} = "token"\n')
    token = load().ops_token
    assert token is not None
    assert token.get_secret_value() == "from-a-file"
    monkeypatch.setenv("SMSGW_OPS_TOKEN", "from-the-environment")
    token = load().ops_token
    assert token is not None
    assert token.get_secret_value() == "from-the-environment"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('ops_token_file = "none"', "SMSGW_CONFIG: ops_token_file: the file cannot be read: FileNotFoundError"),
        ('ops_token_file = "blank"', "SMSGW_CONFIG: ops_token_file: the file is empty or blank; write the secret"),
        ('ops_token_file = " "', "SMSGW_CONFIG: ops_token_file: is empty or blank; set a value"),
        ("ops_token_file = 3", "SMSGW_CONFIG: ops_token_file: is empty or blank; set a value"),
        ('ops_token = "a"\nops_token_file = "blank"', "SMSGW_CONFIG: the file has ops_token, and ops_token_file too"),
    ],
)
def test_a_bad_file_of_a_secret_in_toml_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, complaint: str) -> None:
    Path("blank").write_text(" \n")
    write_config(monkeypatch, f"{text}\n")
    with pytest.raises(SettingsError) as refused:
        load()
    assert str(refused.value).startswith(complaint)


def test_two_webhook_secrets_are_taken_while_they_rotate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSGW_WEBHOOK_SECRET", "new, old")
    assert [secret.get_secret_value() for secret in load().webhook_secret] == ["new", "old"]


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MTA_API_KEY", "WEBHOOK_SECRET", "OPS_TOKEN", "DATABASE_URL"):
        monkeypatch.setenv(f"SMSGW_{name}", "very-secret")
    settings: Any = load()
    assert "very-secret" not in f"{settings!r}{settings}"


def test_a_misspelt_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSGW_CONCURENCY", "3")
    assert unknown_variables() == ["unknown setting SMSGW_CONCURENCY; did you mean SMSGW_CONCURRENCY?"]


def test_every_setting_is_described() -> None:
    assert all(meaning for _, _, meaning in describe())


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ops_proxy_header": "X-Forwarded-User"}, "SMSGW_OPS_PROXY_HEADER"),
        ({"ops_proxy_addresses": "10.0.0.1"}, "SMSGW_OPS_PROXY_HEADER"),
        ({"ops_proxy_header": "X-Forwarded-User", "ops_proxy_addresses": "the proxy"}, "SMSGW_OPS_PROXY_ADDRESSES"),
        ({"ops_reader_token": "r"}, "SMSGW_OPS_READER_TOKEN"),
    ],
)
def test_access_that_would_let_anybody_in_is_refused(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(**given)


def test_a_proxy_is_named_by_addresses_or_networks() -> None:
    settings = load(
        ops_proxy_header="X-User", ops_proxy_addresses="10.0.0.7, fd00::/8", ops_proxy_operators="ada, grace"
    )
    assert [str(network) for network in settings.ops_proxy_addresses] == ["10.0.0.7/32", "fd00::/8"]
    assert settings.ops_proxy_operators == ("ada", "grace")
