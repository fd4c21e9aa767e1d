"""Verification: the best sets of a kernel run again through the full engine and agree, or the sweep fails.

Compared are the trades one by one (symbol, side, instants, quantity, prices, profit, commission), equity at
every session close, and the measures. Amounts agree to a billionth of what was traded or owned, and never
less than to half a cent.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from qtrader.clock import from_epoch_us, to_epoch_us
from qtrader.errors import AccountingError
from qtrader.research.grid import shown
from qtrader.research.kernel import EXIT_PURPOSES, METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from qtrader.research.kernel import KernelResult
    from qtrader.research.kernel_tape import KernelTape
    from qtrader.research.sweep_engine import EngineRecord, EngineRun, Task
    from qtrader.services.reporting.trades import Trade

    #: Place, field, the kernel's value, the engine's value.
    Difference = tuple[str, str, Any, Any]

_RELATIVE: Final = 1e-9
_HALF_A_CENT: Final = 0.005
#: Measures are ratios of small differences, in which what equity leaves open grows.
_MEASURE: Final = 1e-6
_OPEN: Final = -1

#: Fields of a trade that are compared: numbers, with what a billionth is taken of.
_AMOUNTS: Final = ("entry_value", "gross_pnl", "commission", "net_pnl")
_NUMBERS: Final = ("quantity", "entry_price", "exit_price", "open_quantity")


class SweepMismatchError(AccountingError):
    """Kernel and engine disagree about a set, so that no number of the sweep can be trusted.

    Attributes:
        number: the set.
        parameters: its parameters.
        place: of what, for example which trade.
        field: which of its values.
        kernel: the value that the kernel found.
        engine: the value that the engine found.
    """

    def __init__(self, number: int, parameters: Mapping[str, Any], difference: Difference) -> None:
        place, field, kernel, engine = difference
        self.number = number
        self.parameters = dict(parameters)
        self.place = place
        self.field = field
        self.kernel = kernel
        self.engine = engine
        super().__init__(
            f"sweep: set {number} ({shown(parameters)}): {place}: {field} is {kernel} in the kernel and "
            f"{engine} in the engine; they must agree"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Make it again from its parts, in another process too."""
        difference = (self.place, self.field, self.kernel, self.engine)
        return type(self), (self.number, self.parameters, difference)


def compare(
    task: Task, values: NDArray[np.float64], kernel: tuple[KernelTape, KernelResult, int], run: EngineRun
) -> None:
    """Compare one set of a kernel's result with the engine's run of it.

    Args:
        task: the set.
        values: its measures when all sets ran, which must be those of the result to the bit.
        kernel: what the kernel ran over, a result with equity and trades, and the set's place in it.
        run: the engine's, with its record.

    Raises:
        SweepMismatchError: naming the first difference.
    """
    (tape, found, place), record = kernel, run.record
    if found.equity is None or found.trades is None or record is None:
        msg = "equity and trades are compared; both runs must have kept them"
        raise ValueError(msg)
    ours = [_of_kernel(row, tape.symbols) for row in found.trades[found.trades["set"] == place]]
    theirs = [_of_engine(trade) for trade in record.trades]
    for difference in chain(
        _undecided(found, place),
        _differences(sorted(ours, key=_order), sorted(theirs, key=_order)),
        _equity_differences(tape.valued_at_us, found.equity[place], record),
        _measure_differences(values, found.metrics[place], run.values),
    ):
        raise SweepMismatchError(task.number, task.parameters, difference)


def _undecided(found: KernelResult, place: int) -> Iterator[Difference]:
    for one in found.undecided:
        if one.set == place:
            yield "all of it", "decision", f"undecided ({one.reason})", "decided"


def _measure_differences(
    first: NDArray[np.float64], again: NDArray[np.float64], engine: Sequence[float]
) -> Iterator[Difference]:
    """Give the measures that are not what they were, or not those of the engine."""
    for name, one, other, exact in zip(METRICS, first.tolist(), again.tolist(), engine, strict=False):
        if one != other and not (math.isnan(one) and math.isnan(other)):
            yield "measures, run twice", name, one, other
        is_same = math.isnan(one) == math.isnan(exact)
        if not is_same or abs(one - exact) > _MEASURE * max(abs(exact), 1.0):
            yield "measures", name, one, exact


def _of_kernel(row: Any, symbols: Sequence[str]) -> dict[str, Any]:
    names = ("fill_count", "opened_at_us", "closed_at_us", *_AMOUNTS, *_NUMBERS)
    return {
        "symbol": symbols[int(row["symbol"])],
        "side": "long" if row["side"] > 0 else "short",
        "exit_purpose": EXIT_PURPOSES[int(row["exit_purpose"])],
        **{name: row[name].item() for name in names},
    }


def _of_engine(trade: Trade) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "side": trade.side,
        "exit_purpose": trade.exit_purpose or "",
        "fill_count": trade.fill_count,
        "opened_at_us": to_epoch_us(trade.opened_at),
        "closed_at_us": _OPEN if trade.closed_at is None else to_epoch_us(trade.closed_at),
        "exit_price": float("nan") if trade.exit_price is None else float(trade.exit_price),
        **{name: float(getattr(trade, name)) for name in (*_AMOUNTS, *_NUMBERS) if name != "exit_price"},
    }


def _order(trade: Mapping[str, Any]) -> tuple[int, str]:
    return trade["opened_at_us"], trade["symbol"]


def _differences(
    ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]
) -> Iterator[Difference]:
    """Give (place, field, kernel's value, engine's value) of what differs, in order."""
    for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        opened = from_epoch_us(other["opened_at_us"]).isoformat()
        where = f"trade {number} ({other['symbol']}, opened {opened})"
        for field, engine in other.items():
            kernel = one[field]
            if not _agree(field, kernel, engine, other["entry_value"]):
                yield where, field, _shown(field, kernel), _shown(field, engine)
    if len(ours) != len(theirs):
        yield "all of it", "number of trades", len(ours), len(theirs)


def _agree(field: str, kernel: Any, engine: Any, traded: float) -> bool:
    if field in _AMOUNTS:
        return _is_near(kernel, engine, abs(traded))
    if field in _NUMBERS:
        return _is_near(kernel, engine, abs(engine))
    return bool(kernel == engine)


def _is_near(kernel: float, engine: float, size: float) -> bool:
    if math.isnan(kernel) or math.isnan(engine):
        return math.isnan(kernel) and math.isnan(engine)
    return abs(kernel - engine) <= min(_HALF_A_CENT, _RELATIVE * max(size, 1.0))


def _shown(field: str, value: Any) -> Any:
    if field.endswith("_at_us"):
        return "never" if value == _OPEN else from_epoch_us(value).isoformat()
    return value


def _equity_differences(
    valued_at_us: NDArray[np.int64], equity: NDArray[np.float64], record: EngineRecord
) -> Iterator[Difference]:
    if len(equity) != len(record.equity):
        yield "equity", "number of sessions", len(equity), len(record.equity)
        return
    for at_us, other_us, kernel, engine in zip(
        valued_at_us.tolist(), record.valued_at_us, equity.tolist(), record.equity, strict=True
    ):
        where = f"session {from_epoch_us(other_us).isoformat()}"
        if at_us != other_us:
            yield where, "instant", from_epoch_us(at_us).isoformat(), from_epoch_us(other_us).isoformat()
        if not _is_near(kernel, engine, abs(engine)):
            yield where, "equity", kernel, engine
