"""The settings of one process, and what must not contradict what."""

import os
from typing import Literal, Self

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.settings.sources import CONFIG, PREFIX, ConfigFile
from gateway.settings.values import Address, Duration, Names, Networks, OptionalSecret, Secrets, Span

PROVIDER_URL = "https://api.mobile-text-alerts.com/v3"
LEASE_MARGIN = 5.0
"""Seconds by which a lease must outlive the longest call: for writing the result."""

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Settings(BaseSettings):
    """The settings of one process; immutable."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        env_ignore_empty=True,
    )

    database_url: OptionalSecret = Field(None, description="Postgres, as postgresql://user:password@host:port/name.")
    listen_url: OptionalSecret = Field(
        None,
        description="The same database without a pooler in between. Set it where DATABASE_URL leads through one.",
    )
    mta_api_key: OptionalSecret = Field(
        None,
        validation_alias=AliasChoices("SMSGW_MTA_API_KEY", "MTA_API_KEY"),
        description="The provider's API key. MTA_API_KEY without the prefix is read too.",
    )
    mta_base_url: str = Field(PROVIDER_URL, pattern=r"^https?://\S+$", description="The provider's API.")
    webhook_secret: Secrets = Field((), description="Secret of the webhooks; two, comma-separated, while rotating.")
    webhook_listen: Address = Field(("127.0.0.1", 8080), description="Where webhooks arrive.")
    ops_listen: Address = Field(("127.0.0.1", 9464), description="Metrics, health and the console.")
    ops_token: OptionalSecret = Field(None, description="Opens the console; needed unless it listens on loopback.")
    ops_reader_token: OptionalSecret = Field(None, description="Opens the console for reading only.")
    ops_proxy_header: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="Header in which an authenticating proxy names the user, for example X-Forwarded-User.",
    )
    ops_proxy_addresses: Networks = Field((), description="Addresses or networks of that proxy, comma-separated.")
    ops_proxy_operators: Names = Field(
        (), description="Users of that proxy who may change things; * for all. The others may only read."
    )
    external_id_prefix: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_-]{0,16}$",
        description="Tells this gateway's messages from others on the account.",
    )
    request_limit: int = Field(25, ge=1, description="Requests that the provider allows in one window.")
    request_window: Duration = Field(15.0, description="The length of that window.")
    request_spare: int = Field(1, ge=0, description="Requests of the window left for other programs on the account.")
    parts_per_minute: int = Field(1200, ge=0, description="Parts a minute of one sending number; 0 = no limit.")
    parts_per_day: int = Field(0, ge=0, description="Parts in 24 hours of one sending number; 0 = no limit.")
    management_limit: int = Field(30, ge=1, description="Other calls a minute: polling, webhook registration.")
    sender_id: int | None = Field(None, ge=1, description="The sending number (longcodeId) of messages that name none.")
    max_recipients: int = Field(500, ge=1, le=1000, description="Most messages in one request.")
    concurrency: int = Field(32, ge=1, le=1000, description="Requests in flight in this process.")
    request_timeout: Duration = Field(30.0, description="Longest duration of one call to the provider.")
    send_within: Duration = Field(
        10.0,
        description="A claimed request is sent within this time, or released. Allow ten round trips to the database.",
    )
    idempotency_horizon: Duration = Field(
        600.0, description="How long the provider is trusted to remember a request id. It documents no figure."
    )
    unconfirmed_after: Duration = Field(
        259200.0, description="A message that was accepted this long ago without a final receipt is unconfirmed."
    )
    lease: Duration = Field(60.0, description="How long a claim is held; must be longer than a call.")
    poll_interval: Duration = Field(1.0, description="Safety poll of the outbox while idle.")
    reconcile_interval: Duration = Field(60.0, description="Time between two polls of the provider's delivery listing.")
    drain_timeout: Duration = Field(35.0, description="How long requests in flight may take to finish after SIGTERM.")
    log_format: Literal["json", "console"] = Field("json", description="json or console.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error."
    )
    retention: Span = Field(0.0, description="Finished messages older than this are deleted; 0 = never.")

    @property
    def direct_url(self) -> SecretStr | None:
        """The address of Postgres without a pooler: for sessions that hold a lock, and for commands."""
        return self.listen_url or self.database_url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the TOML file of `SMSGW_CONFIG` behind the environment and `.env`."""
        sources = (init_settings, env_settings, dotenv_settings)
        config = os.environ.get(CONFIG)
        return (*sources, ConfigFile(settings_cls, config)) if config else sources

    @model_validator(mode="after")
    def _agree(self) -> Self:
        shortest = self.send_within + self.request_timeout + LEASE_MARGIN
        if self.lease <= shortest:
            raise ValueError(
                f"SMSGW_LEASE: {self.lease:g} s must be longer than SMSGW_SEND_WITHIN + SMSGW_REQUEST_TIMEOUT + "
                f"{LEASE_MARGIN:g} s = {self.send_within:g} + {self.request_timeout:g} + {LEASE_MARGIN:g} = "
                f"{shortest:g} s"
            )
        if self.idempotency_horizon <= self.request_timeout:
            raise ValueError(
                f"SMSGW_IDEMPOTENCY_HORIZON: {self.idempotency_horizon:g} s must be longer than "
                f"SMSGW_REQUEST_TIMEOUT = {self.request_timeout:g} s, or no request could ever be repeated"
            )
        if self.request_spare >= self.request_limit:
            raise ValueError(
                f"SMSGW_REQUEST_SPARE: {self.request_spare} of SMSGW_REQUEST_LIMIT = {self.request_limit} leaves "
                "no requests to send with; make it smaller"
            )
        if self.retention and self.retention < self.unconfirmed_after:
            raise ValueError(
                f"SMSGW_RETENTION: {self.retention:g} s is shorter than SMSGW_UNCONFIRMED_AFTER = "
                f"{self.unconfirmed_after:g} s: receipts that are still expected would find no message"
            )
        if (self.ops_proxy_header is None) != (not self.ops_proxy_addresses):
            raise ValueError(
                "SMSGW_OPS_PROXY_HEADER: goes together with SMSGW_OPS_PROXY_ADDRESSES; any client can send the "
                "header, so it is trusted only from those addresses"
            )
        if self.ops_reader_token is not None and self.ops_token is None:
            raise ValueError("SMSGW_OPS_READER_TOKEN: needs SMSGW_OPS_TOKEN, or every visitor would be an operator")
        if self.ops_listen[0] not in _LOOPBACK and self.ops_token is None:
            raise ValueError("SMSGW_OPS_TOKEN: set one, or let SMSGW_OPS_LISTEN listen on 127.0.0.1")
        return self
