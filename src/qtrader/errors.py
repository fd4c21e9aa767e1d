"""Errors that QTrader raises on purpose.

Each one names the thing, the place, what was found and what is allowed. Every class derives from
`QTraderError`, so that a program can tell a refused input from a defect, and the command line can print the
first without a traceback.
"""

from __future__ import annotations


class QTraderError(Exception):
    """Base of every error that QTrader raises on purpose."""


class ConfigError(QTraderError):
    """A configuration value is not usable: names file, key path, value and what is allowed."""


class DataError(QTraderError):
    """Market data is not usable: names file, symbol, row and rule."""


class ContractError(QTraderError):
    """A document does not satisfy its event contract: names contract, field path and rule."""


class StrategyError(QTraderError):
    """A strategy asked for something that cannot be given, for example an unknown symbol or the future."""


class HandlerError(QTraderError):
    """An event handler raised: names the event, the handler and how to reproduce; the cause is chained."""


class StrategyFailedError(HandlerError):
    """A strategy's own code raised; the message names the strategy's handler and the event."""


class AccountingError(QTraderError):
    """An accounting invariant does not hold; the run stops because no later number could be trusted."""
