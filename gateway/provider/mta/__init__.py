"""Mobile Text Alerts, API v3: everything that is this provider's own.

`kind` is what is known without an account; `client` is an account. Only `gateway.provider.registry` and the composition
root `gateway.app` import from here.
"""
