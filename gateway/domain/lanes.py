"""The names of lanes."""

BUILT_IN_LANES = ("otp", "default", "bulk")
"""Lanes that the migrations create. Operators may add others."""

LANE_NAME = r"[a-z][a-z0-9_\-]{0,30}"
"""A lane's name, as a regular expression without anchors that Python, JSON schema and HTML understand. The table's
constraint is the same rule."""
