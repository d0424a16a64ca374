"""The ops listener: health, metrics, the operators' pages and their JSON API.

Finds, explains and mends through `operations` and renders what comes back; it decides nothing about a message and sends
nothing. `guard` stands before everything: who is it, may they, is it they who ask. `watch` looks at the installation
once for all who look at the pages. Numbers and texts are masked until they are revealed, and none stands in an address
(promise 9).
"""
