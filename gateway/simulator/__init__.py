"""A local simulation of the Mobile Text Alerts API v3, in a process of its own.

It follows the provider's documentation and imports no other part of the gateway, so both cannot share an error. Its
ledger counts how often each text was sent, by external id and number. A count above one is a duplicate.
"""
