"""The JSON API: the same questions and changes as the pages, for programs.

`calls` says what a call is and serves it, `models` what goes in, `reading`, `mending` and `tuning` are the calls, and
`openapi` writes the description from the very types that check what comes in and goes out.
"""
