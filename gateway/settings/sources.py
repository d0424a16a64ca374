"""Reads secrets from files, and refuses a blank where it would open something."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, DotEnvSettingsSource, TomlConfigSettingsSource

from gateway.settings.values import BLANK, SettingsError

PREFIX = "SMSGW_"
SECRETS = ("mta_api_key", "webhook_secret", "ops_token", "ops_reader_token", "database_url", "listen_url")
ACCESS = ("ops_proxy_header", "ops_proxy_addresses", "ops_proxy_operators")
"""Who may use the console. A blank here, read as "not set", would trust whoever connects instead of a proxy."""

FILES = {f"{PREFIX}{name.upper()}_FILE": name for name in SECRETS}
CONFIG = f"{PREFIX}CONFIG"

NEVER_BLANK = {f"{PREFIX}{name.upper()}" for name in (*SECRETS, *ACCESS)} | set(FILES) | {CONFIG, "MTA_API_KEY"}
"""Variables that may be absent but not empty. A template of docker-compose or Kubernetes passes a value that is missing
on as an empty one, and a console that was meant to be locked must not open because of it."""


def dotenv(settings: type[BaseSettings]) -> Mapping[str, str | None]:
    """Return the lines of `.env` by upper-case name, the empty ones too."""
    lines = DotEnvSettingsSource(settings, env_ignore_empty=False).env_vars
    return {name.upper(): value for name, value in lines.items()}


def refuse_blank(lines: Mapping[str, str | None]) -> None:
    """Raise `SettingsError` if a variable that may not be blank is, in the environment or in `.env`."""
    for name, value in os.environ.items():
        if name.upper() in NEVER_BLANK and not value.strip():
            raise SettingsError(
                f"{name}: is set but empty or blank; set a value, or remove the variable (docker-compose and "
                "Kubernetes pass a missing value on as an empty one)"
            )
    for name, line in lines.items():
        if name in NEVER_BLANK and not (line or "").strip():
            raise SettingsError(f"{name}: is empty or blank in .env; set a value, or remove the line")


def secrets_from_files(lines: Mapping[str, str | None]) -> dict[str, str]:
    """Return the secrets that are named as files. A secret that is given both ways is a contradiction and refused."""
    return dict(_read(lines))


def _read(lines: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    for variable, name in FILES.items():
        path = os.environ.get(variable) or lines.get(variable)
        if not path:
            continue
        value = variable.removesuffix("_FILE")
        if os.environ.get(value):
            raise SettingsError(f"{value}: is set, and {variable} too; keep one of them")
        yield name, _read_secret(variable, path)


def _read_secret(named_by: str, path: str) -> str:
    try:
        # "-sig": an editor may have put a byte order mark before the secret.
        text = Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{named_by}: the file cannot be read: {type(error).__name__}") from None
    if not text:
        raise SettingsError(f"{named_by}: the file is empty or blank; write the secret into it, or remove the setting")
    return text


class ConfigFile(TomlConfigSettingsSource):
    """The TOML file of `SMSGW_CONFIG`. It names the file of a secret as the environment does: `ops_token_file`."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        given = super()._read_file(file_path)
        files = {f"{name}_file": name for name in SECRETS}
        for key in [key for key in given if key.lower() in files]:
            name, path = files[key.lower()], given.pop(key)
            if name in {other.lower() for other in given}:
                raise SettingsError(f"{CONFIG}: the file has {name}, and {key} too; keep one of them")
            if not isinstance(path, str) or not path.strip():
                raise SettingsError(f"{CONFIG}: {key}: {BLANK}")
            given[name] = _read_secret(f"{CONFIG}: {key}", path)
        return given
