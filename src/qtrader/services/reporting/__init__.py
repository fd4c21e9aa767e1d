"""Reporting: what a run earned, at what risk, and how each number is defined."""
