"""The pages, one module each: parse the request, call the operations, render.

A change is answered with 303 to the page that shows it, so reloading that page does not repeat the change.
"""
