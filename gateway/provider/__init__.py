"""The way to the provider: a small protocol, and the Mobile Text Alerts client behind it.

The only package that knows the provider's field names and its HTTP. It decides nothing: it turns messages into bytes,
and whatever comes back, or does not, into an `Answer`; `gateway.domain.outcome` judges it. No database here.

Keeps promise 2 where it is decided: what certainly never left is told from what may have arrived.
"""
