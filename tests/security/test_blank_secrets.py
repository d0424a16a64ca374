"""A blank secret opens nothing: it is refused at the start, and it is never equal to anything."""

import os
from pathlib import Path

import pytest
from support.processes import run_command

from gateway.console.auth import AuthSettings
from gateway.console.sessions import Sessions
from gateway.domain.secret import same_secret
from gateway.provider.mta.signature import sign, verify
from gateway.settings import SettingsError, load
from gateway.simulator.config import ConfigError, SimulatorConfig

SECRETS = ("MTA_API_KEY", "WEBHOOK_SECRET", "OPS_TOKEN", "OPS_READER_TOKEN", "DATABASE_URL", "LISTEN_URL")
ACCESS = ("OPS_PROXY_HEADER", "OPS_PROXY_ADDRESSES", "OPS_PROXY_OPERATORS")
BLANKS = ("", " ", "\t", "\n", " \r\n ", "\u00a0")
PACKAGE = Path(__file__).parents[2] / "gateway"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting from outside, and an empty folder to look for files in."""
    for name in list(os.environ):
        if name.startswith(("SMSGW_", "MTA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refusal() -> str:
    with pytest.raises(SettingsError) as refused:
        load()
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("name", SECRETS)
def test_a_blank_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, blank: str) -> None:
    (tmp_path / "secret").write_text(blank)
    monkeypatch.setenv(f"SMSGW_{name}_FILE", str(tmp_path / "secret"))
    assert refusal().startswith(f"SMSGW_{name}_FILE: the file is empty or blank; write the secret into it")


@pytest.mark.parametrize("name", SECRETS)
def test_a_byte_order_mark_is_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbf\n")
    monkeypatch.setenv(f"SMSGW_{name}_FILE", str(tmp_path / "secret"))
    assert refusal().startswith(f"SMSGW_{name}_FILE: the file is empty or blank")


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("name", [f"SMSGW_{name}" for name in (*SECRETS, *ACCESS)] + ["MTA_API_KEY", "SMSGW_CONFIG"])
def test_a_blank_variable_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, blank: str) -> None:
    monkeypatch.setenv(name, blank)
    line = refusal()
    assert line.startswith(f"{name}: is set but empty or blank; set a value, or remove the variable")
    assert "docker-compose" in line


@pytest.mark.parametrize("name", SECRETS)
def test_a_blank_name_of_a_file_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"SMSGW_{name}_FILE", "")
    assert refusal().startswith(f"SMSGW_{name}_FILE: is set but empty or blank")


def test_a_blank_variable_in_lower_case_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("smsgw_ops_token", "")
    assert refusal().startswith("smsgw_ops_token: is set but empty or blank")


@pytest.mark.parametrize("blank", ["", "''", '"  "'])
@pytest.mark.parametrize("name", [f"SMSGW_{name}" for name in (*SECRETS, *ACCESS)] + ["MTA_API_KEY"])
def test_a_blank_line_of_dotenv_is_refused(tmp_path: Path, name: str, blank: str) -> None:
    (tmp_path / ".env").write_text(f"{name}={blank}\n")
    assert refusal() == f"{name}: is empty or blank in .env; set a value, or remove the line"


def test_a_file_that_dotenv_names_is_read(tmp_path: Path) -> None:
    # Ignored, it would leave the console without the token that the operator wrote down.
    (tmp_path / "token").write_text("from-a-file\n")
    (tmp_path / ".env").write_text("SMSGW_OPS_TOKEN_FILE=token\n")
    token = load().ops_token
    assert token is not None
    assert token.get_secret_value() == "from-a-file"
    (tmp_path / "token").write_text("\n")
    assert refusal().startswith("SMSGW_OPS_TOKEN_FILE: the file is empty or blank")


@pytest.mark.parametrize("name", [name.lower() for name in SECRETS])
def test_a_blank_line_of_toml_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "smsgw.toml").write_text(f'{name} = " "\n')
    monkeypatch.setenv("SMSGW_CONFIG", "smsgw.toml")
    assert refusal() == f"SMSGW_{name.upper()}: is empty or blank; set a value, or leave the setting out"


@pytest.mark.parametrize("name", SECRETS)
def test_a_blank_argument_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"SMSGW_{name}: is empty or blank"):
        load(**{name.lower(): ""})


@pytest.mark.parametrize("value", ["a,,b", "a,", ",a", ",", " , "])
@pytest.mark.parametrize("name", ["WEBHOOK_SECRET", "OPS_PROXY_ADDRESSES", "OPS_PROXY_OPERATORS"])
def test_a_blank_entry_of_a_list_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SMSGW_{name}", value)
    assert refusal().startswith(f"SMSGW_{name}: has an empty or blank entry; remove the extra comma")


def test_a_blank_entry_of_a_file_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("new,\n")
    monkeypatch.setenv("SMSGW_WEBHOOK_SECRET_FILE", str(tmp_path / "secret"))
    assert refusal().startswith("SMSGW_WEBHOOK_SECRET_FILE: has an empty or blank entry")


def test_a_blank_entry_of_a_toml_list_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "smsgw.toml").write_text('webhook_secret = ["new", ""]\n')
    monkeypatch.setenv("SMSGW_CONFIG", "smsgw.toml")
    assert refusal().startswith("SMSGW_WEBHOOK_SECRET: is empty or blank")


@pytest.mark.parametrize("value", ["old\nnew", "\u200b", "\ufeff", "to\x00ken"])
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_with_a_line_break_or_an_invisible_character_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    (tmp_path / "secret").write_text(f"x{value}x" if value != "\u200b" else value)
    monkeypatch.setenv(f"SMSGW_{name}_FILE", str(tmp_path / "secret"))
    assert refusal().startswith(f"SMSGW_{name}_FILE: must be one line of printable characters")


@pytest.mark.parametrize("content", ["", "\n"])
def test_the_gateway_does_not_start_with_a_blank_token_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    done = run_command(
        "run", folder=tmp_path, SMSGW_OPS_TOKEN_FILE=str(tmp_path / "token"), SMSGW_OPS_LISTEN="0.0.0.0:0"
    )
    assert done.returncode == 2
    assert done.stderr.startswith("smsgw: SMSGW_OPS_TOKEN_FILE: the file is empty or blank")


@pytest.mark.parametrize("blank", BLANKS)
def test_a_blank_is_never_equal(blank: str) -> None:
    assert not same_secret(blank, blank)
    assert not same_secret(blank, "token")
    assert not same_secret("token", blank)
    assert not same_secret(blank, None)
    assert not same_secret(b"", b"")
    assert same_secret("token", "token")
    assert not same_secret("token", "Token")


def test_secrets_are_compared_in_one_place() -> None:
    users = [path for path in PACKAGE.rglob("*.py") if "compare_digest" in path.read_text()]
    assert users == [PACKAGE / "domain" / "secret.py"]


@pytest.mark.parametrize("blank", BLANKS)
def test_a_console_with_a_blank_token_is_not_built(blank: str) -> None:
    with pytest.raises(ValueError, match="blank"):
        AuthSettings(token=blank)
    with pytest.raises(ValueError, match="blank"):
        AuthSettings(token="token", reader_token=blank)
    with pytest.raises(ValueError, match="blank"):
        Sessions("token", blank)


@pytest.mark.parametrize("blank", BLANKS)
def test_a_signature_under_a_blank_secret_is_not_authentic(blank: str) -> None:
    body = b'{"type": "delivery-status"}'
    assert not verify([blank], body, sign(blank, body))
    assert not verify([blank, "real"], body, sign(blank, body))
    assert verify([blank, "real"], body, sign("real", body))
    assert not verify(["real"], body, blank)


@pytest.mark.parametrize("blank", BLANKS)
def test_the_simulator_takes_no_blank_key(blank: str) -> None:
    with pytest.raises(ConfigError, match="api_key"):
        SimulatorConfig(api_key=blank)
    with pytest.raises(ConfigError, match="api_key"):
        SimulatorConfig().changed({"api_key": blank})


def test_the_simulator_signs_with_no_blank_secret(tmp_path: Path) -> None:
    done = run_command(
        "simulate", "--port", "0", "--webhook-url", "http://127.0.0.1:1/", folder=tmp_path, SMSGW_WEBHOOK_SECRET=" "
    )
    assert done.returncode == 2
    assert "--webhook-url needs a secret" in done.stderr
