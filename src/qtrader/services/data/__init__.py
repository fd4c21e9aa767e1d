"""The data service: from files and frames to a checked tape, and from the tape to bars on the bus."""
