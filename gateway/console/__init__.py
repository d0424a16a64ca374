"""The ops listener: health, metrics, the operators' page and its JSON API.

Reads through `store` and renders; it decides nothing about a message and sends nothing. Numbers are masked, and nothing
of a message stands in an address (promise 9). Everything but health and metrics needs the token, where one is set.
"""
