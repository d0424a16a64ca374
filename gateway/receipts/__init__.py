"""What the provider tells us by itself: verify, journal, answer, and later fold.

`listener` takes webhooks in and answers only after the commit; `parse` reads any shape they come in; `folder` applies
journalled receipts to messages, as often as one likes. Nothing here sends, and nothing here asks.

Keeps promise 7: truth only moves forward, whatever the order of arrival.
"""
