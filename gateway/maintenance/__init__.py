"""Background work that keeps the database small and shows which workers run.

Every worker runs these loops, whatever its components are: each pass is short, and an advisory lock or plain deletes in
small batches keep two workers from doing the same work twice. Nothing here decides whether a message is sent.
"""
