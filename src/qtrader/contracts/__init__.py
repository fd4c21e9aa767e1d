"""Contracts: the JSON Schemas of every event, with examples, and the validators compiled from them."""
