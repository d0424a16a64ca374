"""The ops listener: health, metrics, the operators' pages and their JSON API.

It calls `operations` and renders the results; it decides nothing about a message and sends nothing. The middleware
authenticates every request and checks its role and CSRF token. The status cache reads the installation once for all
browsers. Numbers and texts are masked until they are revealed, and no address contains one (promise 9).
"""
