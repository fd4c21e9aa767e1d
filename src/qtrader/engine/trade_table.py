"""The trades of a run as a frame, made of columns while the log is read.

No more than some thousand trades are held as objects. What measures need are columns of numbers, so that a
short run whose trades nobody looks at makes no frame at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from qtrader.clock import to_epoch_us
from qtrader.events.events import PositionState
from qtrader.market.tape import Tape
from qtrader.money import ZERO, money_context
from qtrader.services.reporting.closed_trades import ClosedTrades
from qtrader.services.reporting.trades import Trade

if TYPE_CHECKING:
    import polars as pl

    from qtrader.engine.results_frames import Columns

#: Trades that become columns together.
_PART: Final = 8_192
#: Trades whose bars are looked up before the tape's memory is given back.
_LOOK_UPS: Final = 256
_PLACE: Final = "place"


class TradeRow(NamedTuple):
    """A trade with its place in the order of opening, and what the strategy said of its signals."""

    place: int
    trade: Trade
    entry_reason: str | None
    exit_reason: str | None


class TradeTable:
    """Collect trades in any order.

    Args:
        tape: the bars of the run, to count those that closed while a trade was held; None without bars.
        positions: those at the last valuation, at which open trades are valued.
    """

    def __init__(self, tape: Tape | None, positions: Iterable[PositionState]) -> None:
        self.closed = ClosedTrades()
        self._tape = tape
        self._marks = {(one.strategy_id, one.symbol): one.market_price for one in positions}
        self._looked_up = 0
        self._rows: list[TradeRow] = []
        self._parts: list[pl.DataFrame] = []

    def add(self, row: TradeRow) -> None:
        """Take a trade."""
        if not row.trade.is_open:
            self.closed.add(row.trade.as_closed(), row.place)
        self._rows.append(row)
        if len(self._rows) == _PART:
            self._keep()

    def frame(self) -> pl.DataFrame:
        """Return one row per trade in the order of opening; `is_open` marks those not closed."""
        import polars as pl

        if self._rows or not self._parts:
            self._keep()

        whole = pl.concat(self._parts)
        if not whole[_PLACE].is_sorted():
            whole = whole.sort(_PLACE)
        self._parts = [whole]
        return whole.drop(_PLACE)

    def _keep(self) -> None:
        from qtrader.engine.results_frames import frame_of

        self._parts.append(frame_of(self._rows, self._columns()))
        self._rows = []

    def _columns(self) -> Columns[TradeRow]:
        from qtrader.engine.results_frames import COUNT, FLAG, INSTANT, NUMBER, TEXT, days_held

        return {
            _PLACE: (COUNT, lambda row: row.place),
            **_fields(TEXT, "trade_id", "strategy_id", "symbol", "side"),
            **_fields(INSTANT, "opened_at", "closed_at"),
            **_fields(NUMBER, "quantity", "entry_price", "exit_price", "entry_value"),
            **_fields(NUMBER, "gross_pnl", "dividends", "commission", "net_pnl", "return_fraction"),
            "days_held": (NUMBER, lambda row: days_held(row.trade)),
            "bars_held": (COUNT, lambda row: self._bars_held(row.trade)),
            **_fields(COUNT, "fill_count"),
            **_fields(TEXT, "entry_signal_id"),
            "entry_reason": (TEXT, lambda row: row.entry_reason),
            **_fields(TEXT, "exit_signal_id"),
            "exit_reason": (TEXT, lambda row: row.exit_reason),
            **_fields(TEXT, "exit_purpose"),
            **_fields(FLAG, "is_open"),
            **_fields(NUMBER, "open_quantity"),
            "unrealized_pnl": (NUMBER, lambda row: self._unrealized(row.trade)),
        }

    def _bars_held(self, trade: Trade) -> int | None:
        tape = self._tape
        if tape is None or trade.closed_at is None or trade.symbol not in tape.symbols:
            return None
        self._looked_up += 1
        if self._looked_up % _LOOK_UPS == 0:
            tape.release_pages()
        rows = tape.matching_rows_of(trade.symbol)
        first, last = (tape.rows_closed_by(to_epoch_us(at)) for at in (trade.opened_at, trade.closed_at))
        return int(rows.searchsorted(last) - rows.searchsorted(first))

    def _unrealized(self, trade: Trade) -> Decimal:
        price = self._marks.get((trade.strategy_id, trade.symbol)) if trade.is_open else None
        if price is None:
            return ZERO
        with money_context():
            return price * trade.open_quantity - trade.open_cost


def _fields(dtype: Any, *names: str) -> dict[str, tuple[Any, Callable[[TradeRow], Any]]]:
    return {name: (dtype, _attribute(name)) for name in names}


def _attribute(name: str) -> Callable[[TradeRow], Any]:
    return lambda row: getattr(row.trade, name)
