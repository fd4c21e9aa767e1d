"""Shipped risk policies, in `builtin/*.yaml`."""
