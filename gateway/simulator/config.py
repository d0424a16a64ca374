"""Every setting of the simulator. If the provider's documentation is not clear, each reading has a setting."""

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal


class ConfigError(ValueError):
    """A setting is unknown or has a value of the wrong type; the message names it."""


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """The behaviour of the simulator; replaced as a whole when a setting changes while it runs."""

    api_key: str = "simulator-key"
    account_name: str = "Simulated account"
    account_email: str = "account@example.org"
    seed: int = 1

    # Limits. The documentation does not say whether the window slides or whether a rejected request counts.
    send_limit: int = 25
    send_window: float = 15.0
    send_window_kind: Literal["sliding", "fixed"] = "sliding"
    rejected_counts: bool = True
    other_limit: int = 30
    other_window: float = 60.0
    rate_headers: bool = True

    # Request ids.
    id_memory: float = 86400.0
    id_consumed_by: Literal["accepted", "every_attempt", "side_effect"] = "accepted"
    id_strict: bool = True

    # Content.
    max_recipients: int = 1000
    sms_characters: int = 160
    mms_characters: int = 1550
    length_counted: Literal["after_liquid", "before_liquid"] = "after_liquid"
    long_messages: Literal["refuse", "send"] = "refuse"
    bad_numbers: Literal["refuse", "drop"] = "refuse"
    international: bool = False
    outbound_ids: Literal["one", "many"] = "many"
    templates: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "101": {"message": "Your code is {{code}}.", "link": False},
            "102": {"message": "See {{link}}", "link": True},
        }
    )
    senders: dict[str, str] = field(default_factory=lambda: {"4410": "+18005550199"})

    # Delays: before a request is counted, and before it is answered.
    arrival_delay: tuple[float, float] = (0.0, 0.0)
    answer_delay: tuple[float, float] = (0.0, 0.0)

    # The carrier: the rate of one sending number, and how a status changes.
    messages_per_minute: int = 1200
    status_delay: tuple[float, float] = (0.05, 0.2)
    final_status: int = 4
    """The last status: 4 delivered, 5 to 14 failures, 7 unknown, 0 none after `sent`."""
    final_by_suffix: dict[str, int] = field(default_factory=dict)

    # Webhooks.
    webhook_shape: Literal["v3", "v1", "article"] = "v3"
    webhook_retries: int = 2
    webhook_backoff: float = 1.0
    webhook_timeout: float = 5.0
    webhook_overflow: Literal["queue", "drop"] = "queue"
    webhook_concurrency: int = 16

    # Listing.
    page_base: Literal[0, 1] = 0
    listing_lag: float = 0.0

    # Faults: chances by name, and the next answers in order.
    faults: dict[str, float] = field(default_factory=dict)
    fail_next: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.api_key.strip():
            raise ConfigError("api_key: must not be empty or blank: every call without a key would be accepted")

    def changed(self, changes: dict[str, Any]) -> "SimulatorConfig":
        """Return the configuration with these settings; raises `ConfigError` for a wrong name or type."""
        hints = typing.get_type_hints(SimulatorConfig)
        values = {}
        for name, value in changes.items():
            if name not in hints:
                raise ConfigError(f"{name}: no such setting")
            values[name] = _fit(name, value, hints[name])
        return dataclasses.replace(self, **values)

    def as_dict(self) -> dict[str, Any]:
        """Return every setting by name."""
        return dataclasses.asdict(self)


def _fit(name: str, value: Any, hint: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin is Literal:
        if value not in typing.get_args(hint):
            raise ConfigError(f"{name}: must be one of {', '.join(map(str, typing.get_args(hint)))}")
        return value
    if origin is tuple:
        arguments = typing.get_args(hint)
        if not isinstance(value, list | tuple) or (Ellipsis not in arguments and len(value) != len(arguments)):
            raise ConfigError(f"{name}: must be a list of {len(arguments)} values")
        return tuple(float(item) if arguments[0] is float else item for item in value)
    if origin is dict or isinstance(hint, types.GenericAlias):
        if not isinstance(value, dict):
            raise ConfigError(f"{name}: must be an object")
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"{name}: must be of type {hint.__name__}")
    return value
