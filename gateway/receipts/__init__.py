"""Receipts: verify, journal, answer, and later apply.

`listener` receives webhooks and answers only after the commit of `journal`. `poller` reads the provider's delivery
listing for what webhooks missed, and journals it too. `applier` applies journalled receipts to messages; applying one
twice changes nothing. Nothing here sends a message.

Keeps promise 7: truth only moves forward, whatever the order of arrival.
"""
