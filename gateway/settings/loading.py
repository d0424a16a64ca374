"""Loads the settings, and describes them."""

import difflib
import os
from typing import Any

from pydantic import ValidationError

from gateway.settings.model import Settings
from gateway.settings.sources import CONFIG, FILES, PREFIX, dotenv, refuse_blank, secrets_from_files
from gateway.settings.values import SettingsError


def load(**given: Any) -> Settings:
    """Read the settings; `given` wins over every source.

    Raises `SettingsError` with one line: the name of the first bad setting, what is wrong, how many more there are.
    The value itself is never in it.
    """
    files: dict[str, str] = {}
    try:
        lines = dotenv(Settings)
        refuse_blank(lines)
        files = secrets_from_files(lines)
        return Settings(**(files | given))
    except ValidationError as error:
        raise SettingsError(_one_line(error, files.keys() - given.keys())) from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{CONFIG}: the file cannot be read: {type(error).__name__}") from None


def _one_line(error: ValidationError, from_files: set[str]) -> str:
    problems = error.errors(include_input=False, include_url=False)
    first = problems[0]
    where = str(first["loc"][0]) if first["loc"] else ""
    what = first["msg"].removeprefix("Value error, ")
    name = where if where.isupper() else f"{PREFIX}{where.upper()}"
    if name.removeprefix(PREFIX).lower() in from_files:
        name += "_FILE"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return (f"{name}: {what}" if where else what) + more


def unknown_variables() -> list[str]:
    """Return a warning for each variable with our prefix that is not a setting, and the setting probably meant."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {*FILES, CONFIG, f"{PREFIX}TEST_DATABASE_URL"}
    warnings = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            warnings.append(f"unknown setting {name}" + (f"; did you mean {close[0]}?" if close else ""))
    return warnings


def describe() -> list[tuple[str, str, str]]:
    """Return name, default and meaning of every setting."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, tuple):
            default = f"{default[0]}:{default[1]}" if len(default) == 2 else ""
        rows.append((f"{PREFIX}{name.upper()}", "" if default is None else f"{default}", field.description or ""))
    return rows
