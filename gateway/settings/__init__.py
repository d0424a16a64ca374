"""Every setting: its name, its type, its default, and what must not contradict what.

Sources, the first wins: the environment, `.env` in the working directory, the TOML file named by `SMSGW_CONFIG`. A
secret may instead be the content of the file named by `<NAME>_FILE`, in TOML `<name>_file`. Durations are seconds or
carry a unit.

An empty variable counts as unset, except for secrets and for the settings that decide who may use the console: there
it stops the start, because the gateway would run more open than the operator meant.
"""

from gateway.settings.loading import describe, load, unknown_variables
from gateway.settings.model import LEASE_MARGIN, PROVIDER_URL, Settings
from gateway.settings.sources import PREFIX
from gateway.settings.values import Network, SettingsError, duration

__all__ = [
    "LEASE_MARGIN",
    "PREFIX",
    "PROVIDER_URL",
    "Network",
    "Settings",
    "SettingsError",
    "describe",
    "duration",
    "load",
    "unknown_variables",
]
