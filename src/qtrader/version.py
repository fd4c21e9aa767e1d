"""The version of this package, which is part of a run's identity."""

__version__ = "0.1.0"
