"""The closed vocabularies of events, spelled as in FIX where FIX has the term.

Each member's value is what stands on the wire, and the contract's `enum` must list the same values (the drift
test compares them).
"""

from __future__ import annotations

from enum import StrEnum


class SignalIntention(StrEnum):
    """What a strategy wants of a position."""

    OPEN_LONG = "open_long"
    CLOSE_LONG = "close_long"
    OPEN_SHORT = "open_short"
    CLOSE_SHORT = "close_short"


class Side(StrEnum):
    """Which side of the market an order takes (FIX tag 54)."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How an order's price is found (FIX tag 40)."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    TRAILING_STOP_LIMIT = "trailing_stop_limit"
    MARKET_ON_OPEN = "market_on_open"
    LIMIT_ON_OPEN = "limit_on_open"
    MARKET_ON_CLOSE = "market_on_close"
    LIMIT_ON_CLOSE = "limit_on_close"
    MARKET_IF_TOUCHED = "market_if_touched"
    LIMIT_IF_TOUCHED = "limit_if_touched"


class TimeInForce(StrEnum):
    """How long an order rests (FIX tag 59): gtd until an instant, ioc and fok for one print."""

    DAY = "day"
    GTC = "gtc"
    GTD = "gtd"
    IOC = "ioc"
    FOK = "fok"


class OrderPurpose(StrEnum):
    """Why an order exists in the life of a position."""

    OPEN = "open"
    CLOSE = "close"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"


class OrderStatus(StrEnum):
    """Where an order stands in its life (FIX tag 39, spelled out)."""

    ACCEPTED = "accepted"
    TRIGGERED = "triggered"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Verdict(StrEnum):
    """What risk says of a whole proposal."""

    APPROVED = "approved"
    REDUCED = "reduced"
    REJECTED = "rejected"


class CheckVerdict(StrEnum):
    """What one risk check says."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    SHRINK = "shrink"
    WARN = "warn"
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"


class FillBasis(StrEnum):
    """Which price of the bar a fill took."""

    OPEN = "open"
    CLOSE = "close"
    LIMIT = "limit"
    STOP = "stop"
    TOUCH = "touch"
    MID = "mid"


class ActionType(StrEnum):
    """The kinds of corporate action."""

    SPLIT = "split"
    CASH_DIVIDEND = "cash_dividend"
    STOCK_DIVIDEND = "stock_dividend"
    SPIN_OFF = "spin_off"
    MERGER = "merger"
    SYMBOL_CHANGE = "symbol_change"
    DELISTING = "delisting"
    RIGHTS = "rights"


class LedgerKind(StrEnum):
    """What a ledger entry books."""

    DEPOSIT = "deposit"
    FILL = "fill"
    SPLIT = "split"
    CASH_IN_LIEU = "cash_in_lieu"
    DIVIDEND_ENTITLEMENT = "dividend_entitlement"
    DIVIDEND_PAYMENT = "dividend_payment"
    DIVIDEND_REINVESTMENT = "dividend_reinvestment"
