"""Every provider that the gateway can speak to: the one place outside a provider's package that names it.

A second provider is a package next to `mta` and a line here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.provider.mta.kind import MTA
from gateway.provider.protocol import ProviderKind

KINDS: Mapping[str, ProviderKind] = MappingProxyType({kind.route: kind for kind in (MTA,)})
"""By route."""

ROUTES = tuple(KINDS)

DEFAULT: ProviderKind = MTA
"""The provider of a gateway whose settings name no other."""
