"""The engine: configuration, wiring, and the loop that takes a run through its data."""
