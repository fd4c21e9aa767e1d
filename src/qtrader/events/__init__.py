"""Events: immutable facts and decisions, the bus that carries them, and the log that keeps them."""
