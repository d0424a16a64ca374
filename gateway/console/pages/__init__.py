"""The pages: one module each, with the same few steps: read what was asked, ask the layer below, render.

A change answers with 303 to the page that shows it, so that loading again repeats nothing.
"""
