"""What is known of Mobile Text Alerts without an account."""

from collections.abc import Mapping, Sequence

from gateway.domain.ids import ExternalIds
from gateway.domain.receipt import Event, Receipt
from gateway.provider.mta import events, signature
from gateway.provider.mta.reasons import KEY_SETTING, REASONS, ROUTE, URL_SETTING
from gateway.provider.protocol import ProviderKind


class MtaWebhooks:
    """Reads the provider's webhooks."""

    path = "/webhooks/mta"
    events = (Event.DELIVERY_STATUS, Event.MESSAGE_REPLY, Event.MESSAGE_SEND, Event.NUMBER_OPT_IN)

    def sign(self, secret: str, body: bytes) -> Mapping[str, str]:
        """Return the headers of a signed call, as the provider would send them."""
        return {signature.HEADER: signature.sign(secret, body)}

    def is_authentic(self, secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the call was signed with one of the secrets; two are in use while they rotate."""
        return signature.verify(secrets, body, headers.get(signature.HEADER))

    def read(self, body: bytes, event: Event | None, external_ids: ExternalIds) -> Receipt:
        """Return the receipt in a body; raises `NotJson`."""
        return events.read(body, event, external_ids)


MTA = ProviderKind(
    route=ROUTE,
    webhooks=MtaWebhooks(),
    reasons=REASONS,
    key_setting=KEY_SETTING,
    url_setting=URL_SETTING,
)
