"""The risk service: sizes what a signal asks for and checks it against limits, each with its numbers."""
