"""What calls other than a send may raise. A send never raises: what goes wrong there is an answer."""


class ProviderError(Exception):
    """The provider answered a management call with a refusal; the message says what to do."""

    def __init__(
        self,
        sentence: str,
        *,
        status: int | None = None,
        provider_request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.provider_request_id = provider_request_id
        self.retry_after = retry_after
        """Seconds that the provider asks to wait."""


class ProviderUnreachable(ProviderError):
    """No answer, or one that cannot be read: try again later."""


class KeyRefused(ProviderError):
    """The provider does not accept the API key."""


class NotJson(ValueError):
    """The body of a webhook is not JSON."""
