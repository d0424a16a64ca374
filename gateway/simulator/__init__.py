"""A faithful local stand-in of the Mobile Text Alerts API v3, run as a process of its own.

Written from the provider's documentation and from nothing else: it imports none of the gateway, so that an error in our
client cannot hide behind the same error here. Its ledger keeps every text that left, per (external id, number): the
count there is the one number that proves "never twice".
"""
