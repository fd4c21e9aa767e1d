"""Differential runs: the same cases through QTrader and through other backtesters, trade by trade.

A case is a tape (bars of one symbol), a plan (which bar asks for what order, computed once, so that
indicator arithmetic is not what is compared) and settings. QTrader runs it here; each peer runs it in an
environment of its own (`.venv-peers/differential`), by a script that follows the same plan with the
peer's own orders, and writes its trades as JSON. `differential.compare` then wants the same trades (bars,
side, quantity, prices, reasons), the same commission and the same final equity, or a difference that a
rule of `differential.reference` produces exactly. No comparison has a tolerance.

`make differential` runs everything; docs/differences.md holds its table and the rules.
"""
