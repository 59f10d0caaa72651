"""Hypothesis finds the same examples on every run: a red test must be red for everybody."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unit", derandomize=True, deadline=None, database=None)
settings.load_profile("unit")
