"""What an operator can find, explain and mend: one set of functions for the command line, the console and its API.

Everything here returns frozen values and decides nothing about sending: a replay puts messages where the next claim
finds them, under the claim's own rules. What changes something records who, when, what, why and which messages in
`smsgw.operator_action`, in the transaction of the change itself (promise 8). Nothing here prints, and no function
counts the big table: counts are bounded.
"""
