"""Providers: a protocol, a registry, and one package for each provider.

Only here are a provider's field names, status codes and HTTP known. A provider's package turns messages into bytes,
answers into an `Answer` and its classification, and webhooks into receipts. It decides nothing else and uses no
database.

Keeps promise 2 where it begins: it separates what was certainly not sent from what may have arrived.
"""
