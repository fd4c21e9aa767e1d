"""Execution: how orders rest, meet bars and fill, at what price and at what cost."""
