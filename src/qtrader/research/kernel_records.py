"""What the kernel's loop keeps: records of a symbol's position and orders, of the account, and of the terms.

Quantities are counts of the symbol's quantity step, amounts are counts of the ledger's smallest unit. Both
are whole numbers, so that sums of them are exact.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

#: What kind of entry order waits.
NO_ENTRY, MARKET, LIMIT, STOP, STOP_LIMIT = range(5)

#: What may happen to an order in a bar, besides nothing.
CLOSES, STOPS, GAINS, ENTERS, TRIGGERS = range(5)

#: Reasons to hand a set to the engine; the sentences stand in `kernel_columns.SENTENCES`.
(
    DECIDED,
    NEAR_TICK,
    NEAR_SIZE,
    NEAR_LIMIT,
    NEAR_CASH,
    TOO_LARGE,
    OPPOSITE_ENTRY,
    SEVERAL_ENTRIES,
    BAD_PLACE,
    BAD_TERM,
) = range(10)

#: Places in the row of refusals, in the order of `kernel.REFUSALS`.
(
    ALREADY_OPEN,
    ORDER_PENDING,
    CLOSE_PENDING,
    STOP_ON_WRONG_SIDE,
    TARGET_ON_WRONG_SIDE,
    SIZE_ROUNDS_TO_ZERO,
    SHORT_SALE,
    CASH,
    POSITION_QUANTITY,
    POSITION_PERCENT,
    GROSS_LEVERAGE,
    WARMUP,
) = range(12)
REASONS: Final = 12

#: Later than all times.
NEVER: Final = 1 << 62

#: One symbol's position, the orders at work for it, and its trade so far. Prices that are not there are NaN.
SLOT: Final = np.dtype(
    [
        ("steps", np.int64),
        ("cost", np.int64),
        ("entry_value", np.float64),
        ("entry_steps", np.int64),
        ("commission", np.int64),
        ("fills", np.int64),
        ("trade", np.int64),
        ("opened_at", np.int64),
        ("opened_in", np.int64),
        # The order that closes at the next open.
        ("close_steps", np.int64),
        ("close_claim", np.int64),
        ("close_claim_doubt", np.int64),
        ("close_place", np.int64),
        # The order that opens.
        ("entry", np.int64),
        ("entry_triggered", np.int64),
        ("entry_side", np.int64),
        ("entry_steps_wanted", np.int64),
        ("entry_claim", np.int64),
        ("entry_claim_doubt", np.int64),
        ("entry_place", np.int64),
        ("entry_limit", np.float64),
        ("entry_stop", np.float64),
        ("entry_stop_loss", np.float64),
        ("entry_take_profit", np.float64),
        # The exits that rest.
        ("stop_loss", np.float64),
        ("take_profit", np.float64),
        ("bracket_place", np.int64),
    ],
    align=True,
)

#: Everything of the set that is run: its account, the settings, and the addresses of columns and records. It
#: is one record, because what is handed from function to function costs time and code by its size.
RUN: Final = np.dtype(
    [
        # The account, in units of the ledger.
        ("cash", np.int64),
        #: By how many units amounts may be off that lie so near a rounding that it is not certain, and what
        #: is on its way, which the engine does not round at all.
        ("doubt", np.int64),
        ("claim_doubt", np.int64),
        ("reserved_cash", np.int64),
        ("reserved_exposure", np.int64),
        ("closing_proceeds", np.int64),
        ("closing_exposure", np.int64),
        # Its value at the marks of `marked_time`.
        ("marked_time", np.int64),
        ("equity", np.float64),
        ("gross", np.float64),
        # How far the set has come: places in the order of acceptance, session closes taken, and the length
        # of the line in an instant.
        ("places", np.int64),
        ("sessions_done", np.int64),
        # Where the set is: the present time, how many orders meet a bar at the next, and the first time at
        # which any other order meets one.
        ("now", np.int64),
        ("due_count", np.int64),
        ("earliest", np.int64),
        ("candidates", np.int64),
        # What has come of it.
        ("fills", np.int64),
        ("opened", np.int64),
        ("closed", np.int64),
        ("won", np.int64),
        ("lost", np.int64),
        ("gains", np.int64),
        ("losses", np.int64),
        ("verdict", np.int64),
        ("verdict_time", np.int64),
        ("verdict_symbol", np.int64),
        # The settings: `unit` is a unit of currency in units of the ledger. A ratio is a decimal as whole
        # numbers and as a float; a limit of which the numerator is negative does not apply.
        ("unit", np.int64),
        ("initial_cash", np.int64),
        ("limit_touch", np.int64),
        ("slippage_numerator", np.int64),
        ("slippage_denominator", np.int64),
        ("slippage", np.float64),
        #: 0 none, 1 percent, 2 per share (the rate in units), 3 per order (the minimum).
        ("commission", np.int64),
        ("rate_numerator", np.int64),
        ("rate_denominator", np.int64),
        ("rate", np.float64),
        ("minimum", np.int64),
        ("maximum", np.int64),
        ("cap_numerator", np.int64),
        ("cap_denominator", np.int64),
        ("cap", np.float64),
        #: Whether positions are sized by equity, and by which part of it.
        ("is_percent", np.int64),
        ("percent_numerator", np.int64),
        ("percent_denominator", np.int64),
        ("percent", np.float64),
        ("is_short_allowed", np.int64),
        ("is_cash_account", np.int64),
        #: Largest gross exposure in equities, and largest position as a part of equity.
        ("leverage_numerator", np.int64),
        ("leverage_denominator", np.int64),
        ("leverage", np.float64),
        ("position_numerator", np.int64),
        ("position_denominator", np.int64),
        ("position", np.float64),
        #: 0 reject, 1 shrink, 2 warn.
        ("on_breach", np.int64),
        ("scale_in", np.int64),
        ("proceeds_fund", np.int64),
        #: Whether what is on its way bears on any decision: with one symbol, one order after the other, it
        #: does not unless proceeds fund or a repeated opening enlarges.
        ("counts_claims", np.int64),
        #: 0 borrow, 1 trim, 2 reject.
        ("buying_power", np.int64),
        # The tape: trading begins after the times before `first_time`.
        ("times", np.int64),
        ("width", np.int64),
        ("sessions", np.int64),
        ("first_time", np.int64),
        ("is_dense", np.int64),
        ("periods_per_year", np.int64),
        ("risk_free", np.float64),
        ("days", np.float64),
        # Addresses of the tape's columns: float64[time, symbol], but high and low are [symbol, time].
        ("opens_at", np.int64),
        ("highs_at", np.int64),
        ("lows_at", np.int64),
        ("closes_at", np.int64),
        ("marks_at", np.int64),
        #: int8[symbol, time], whether a bar can fill orders.
        ("fills_at", np.int64),
        #: int64[sessions], the last time known at each session close, and float64[sessions], the marks then
        #: where there is one symbol.
        ("session_times_at", np.int64),
        ("session_marks_at", np.int64),
        # Addresses of what belongs to the set: SLOT[symbol], GRID[symbol], float64[symbol] (what is
        # held), int64[symbol] (when orders meet a bar next), CANDIDATE[...] (a heap).
        ("slots_at", np.int64),
        ("grids_at", np.int64),
        ("quantities_at", np.int64),
        ("next_times_at", np.int64),
        ("heap_at", np.int64),
        # int64[symbol] each: the symbols due at the next time, and those that meet a bar at the present one.
        ("due_at", np.int64),
        ("met_at", np.int64),
        # Three lists of places, int64[3, found_size], with float64[3, symbol], the relations that they have
        # come to, and int64[symbol], the sides as of the last entry.
        ("found_at", np.int64),
        ("found_size", np.int64),
        ("relations_at", np.int64),
        ("sides_at", np.int64),
        # Addresses of what the set leaves: float64[sessions], int64[reasons], TRADE[...] or 0.
        ("equity_at", np.int64),
        ("refusals_at", np.int64),
        ("trades_at", np.int64),
    ],
    align=True,
)

#: A symbol's grids, exact as numerator over a power of ten; a tick numerator of 0 is no tick.
GRID: Final = np.dtype(
    [
        ("step", np.float64),
        ("step_numerator", np.int64),
        ("step_denominator", np.int64),
        ("tick", np.float64),
        ("tick_numerator", np.int64),
        ("tick_denominator", np.int64),
        ("fixed_steps", np.int64),
        ("largest_steps", np.int64),
    ],
    align=True,
)


#: What a bar does to an order: its place in line, what happens, and the match.
CANDIDATE: Final = np.dtype(
    [
        ("key", np.int64),
        ("what", np.int64),
        ("symbol", np.int64),
        ("price", np.float64),
        ("at_open", np.int64),
        ("low_ahead", np.int64),
        ("high_ahead", np.int64),
    ],
    align=True,
)


class Ratio(NamedTuple):
    """A decimal as whole numbers, and as a float."""

    numerator: int
    denominator: int
    value: float
