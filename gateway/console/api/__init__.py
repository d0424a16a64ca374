"""The JSON API: the same reads and changes as the pages, for programs.

`endpoints` declares and serves an endpoint, `models` has the types of the input, `queries`, `messages` and `controls`
are the endpoints, and `openapi` describes them from the types that validate the input and write the output.
"""
