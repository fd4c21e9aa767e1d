"""Strategies that know the future, each in a way of its own; every one of them must be found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import polars as pl

import qtrader as qt
from qtrader.events.events import PriceBarEvent
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.panel import Panel
from qtrader.services.strategy.protocol import Strategy
from qtrader.services.strategy.signals import Signals
from qtrader.services.strategy.vector import VectorStrategy

END = "2000-08-31"
#: The close of that day.
END_US = 967_752_000_000_000


def bars() -> pl.DataFrame:
    """Read the bars of the checked period as a user would."""
    return qt.sample_data("MSFT").bars.filter(pl.col("date") <= pl.date(2000, 8, 31))


class Trader(Strategy):
    """Hold while the next price is said to be higher."""

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        """Say whether to hold; None changes nothing."""
        raise NotImplementedError

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        rises = self.will_rise(bar, context)
        held = context.position(bar.symbol)
        if rises and not held:
            context.emit_signal(bar.symbol, "open_long")
        elif rises is False and held:
            context.emit_signal(bar.symbol, "close_long")


class ReadsAheadInAFrame(Trader):
    """Take the next row of a frame that it was given."""

    frame: Any = None

    def on_start(self, context: Context) -> None:
        self.row = 0

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        self.row += 1
        return self.row < len(self.frame) and self.frame["open"][self.row] > bar.close


class ReadsAheadInAPandasFrame(Trader):
    """Look up the close after the present one in a frame with an index of dates."""

    frame: Any = None

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        row = int(self.frame.index.searchsorted(bar.closed_at.replace(tzinfo=None)))
        return bool(self.frame["close"].iloc[row] > bar.close) if row < len(self.frame) else None


class ShiftedColumn(Trader):
    """Take a column of tomorrow's closes, shifted to today before the run."""

    tomorrow: Any = None

    def on_start(self, context: Context) -> None:
        self.row = -1

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        self.row += 1
        value = self.tomorrow[self.row]
        return None if value is None else value > bar.close


class PrivateTape(Trader):
    """Walk from the context to the tape behind it."""

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        surroundings: Any = context._surroundings
        tape = surroundings.history._tape
        row = int(tape.closed_at_us.searchsorted(bar.closed_at_us)) + 1
        return row < len(tape) and bool(tape.close[row] > bar.close)


class WholeMean(Trader):
    """Compare with the mean of the whole period."""

    def on_start(self, context: Context) -> None:
        self.mean = float(np.mean(bars()["close"].to_numpy()))

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        return bar.close < self.mean


class WholeMaximum(Trader):
    """Scale by the highest price that will ever be."""

    closes: Any = None

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        return bar.close / float(np.max(self.closes)) < 0.7


class CentredWindow(Trader):
    """Smooth with a window that reaches as far ahead as back."""

    frame: Any = None

    def on_start(self, context: Context) -> None:
        close = self.frame["close"]
        self.smooth = close.rolling_mean(11, center=True).to_list()
        self.row = -1

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        self.row += 1
        value = self.smooth[self.row] if self.row < len(self.smooth) else None
        return None if value is None else bar.close < value


class WeeksByTheirFirstDay(Trader):
    """Resample to weeks labelled by their beginning, so that Monday knows Friday's close."""

    frame: Any = None

    def on_start(self, context: Context) -> None:
        weekly = self.frame.group_by_dynamic("date", every="1w").agg(pl.col("close").last())
        self.weeks = dict(weekly.iter_rows())

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        weeks = [day for day in self.weeks if day <= bar.closed_at.date()]
        return bool(self.weeks[max(weeks)] > bar.close)


class FittedOnEverything(Trader):
    """Fit a line of next returns on present ones over all data before the first bar."""

    def on_start(self, context: Context) -> None:
        surroundings: Any = context._surroundings
        window = surroundings.history.window("MSFT", None, 2**62)
        moves = np.diff(np.log(window.close))
        self.slope, self.level = np.polyfit(moves[:-1], moves[1:], 1)
        self.before: float | None = None

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        price, self.before = self.before, bar.close * bar.signal_factor
        if price is None:
            return None
        return bool(self.level + self.slope * np.log(self.before / price) > 0)


_OPENS: dict[Any, float] = {}


class TomorrowsOpenInAGlobal(Trader):
    """Fill a global with the opens of the sample once, and look up the day after."""

    def on_start(self, context: Context) -> None:
        if not _OPENS:
            _OPENS.update(bars().select("date", "open").iter_rows())

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        later = [day for day in _OPENS if day > bar.closed_at.date()]
        return _OPENS[min(later)] > bar.close if later else None


@lru_cache
def _cached_closes() -> list[float]:
    return bars()["close"].to_list()


class CachedLoader(Trader):
    """Load through a cached function, and look five rows ahead."""

    def on_start(self, context: Context) -> None:
        self.row = -1

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        self.row += 1
        closes = _cached_closes()
        return closes[self.row + 5] > bar.close if self.row + 5 < len(closes) else None


class LearnsFromEarlierRuns(Trader):
    """Keep closes in the class, which the next run finds there."""

    seen: ClassVar[dict[int, float]] = {}

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        self.seen[bar.closed_at_us] = bar.close
        later = [us for us in self.seen if us > bar.closed_at_us]
        return self.seen[min(later)] > bar.close if later else bar.close > bar.open


class KnowsTheLastBar(Trader):
    """Sell on the last bar, which only the length of the data tells."""

    def on_start(self, context: Context) -> None:
        surroundings: Any = context._surroundings
        self.left = len(surroundings.history._tape)

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        self.left -= 1
        return self.left > 0


class ReadsTheFile(Trader):
    """Read the file of prices by itself."""

    def on_start(self, context: Context) -> None:
        frame = pl.read_parquet(qt.sample_data().bars_path)
        self.closes = frame.filter(pl.col("symbol") == "MSFT")["close"]
        self.row = 0

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        self.row += 1
        return self.row < len(self.closes) and bool(self.closes[self.row] > bar.close)


class AnotherSymbolsFuture(Trader):
    """Read the prices of a symbol that is not in the run, and look ahead there."""

    def on_start(self, context: Context) -> None:
        self.frame = qt.sample_data("IBM").bars

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        day = bar.closed_at.date()
        now = self.frame.filter(pl.col("date") <= day)["close"]
        later = self.frame.filter(pl.col("date") > day)["close"]
        return bool(later[0] > now[-1]) if len(later) else None


class TunedOnTheWholePeriod(Trader):
    """Try both directions over the whole period first, and trade the better one."""

    def on_start(self, context: Context) -> None:
        results = qt.backtest(qt.sample_data("MSFT"), Momentum, end=END)
        self.is_momentum = results.metrics["total_return"] > 0
        self.before = 0.0

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        before, self.before = self.before, bar.close
        return (bar.close > before) == self.is_momentum


class Momentum(Trader):
    """Hold after a rise; honest."""

    def on_start(self, context: Context) -> None:
        self.before = 0.0

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        before, self.before = self.before, bar.close
        return bar.close > before


class RecordsTomorrow(Momentum):
    """Decide honestly, and record what nobody can know."""

    closes: Any = None

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        context.record("tomorrow", self.closes[min(context.history().close.size, len(self.closes) - 1)])
        return super().will_rise(bar, context)


class FailsWithoutTheFuture(Momentum):
    """Take the next element, whether or not there is one, and do nothing with it."""

    closes: Any = None

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        if context.now_us < END_US:
            self.closes[context.history().close.size]
        return super().will_rise(bar, context)


def in_a_closure() -> type[Trader]:
    """Make a class that closes over the closes of the run."""
    closes = bars()["close"].to_numpy()

    class InAClosure(Trader):
        def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
            row = context.history().close.size
            return row < len(closes) and bool(closes[row] > bar.close)

    return InAClosure


def computed(frame: pl.DataFrame) -> dict[str, Any]:
    """Compute a ranking over the whole of the frame: a number for each row, none of them a price."""
    return {"ranks": frame["close"].rank().to_list(), "count": frame.height}


class RankedOverEverything(Trader):
    """Trade on the rank of today's close among all closes, later ones included."""

    ranks: Any = None
    count: int = 0

    def will_rise(self, bar: PriceBarEvent, context: Context) -> bool | None:
        row = context.history().close.size - 1
        return bool(self.ranks[row] < 60) if row < self.count else None


class NextRowOfThePanel(VectorStrategy):
    """Buy where the next close is higher, shift(-1) of the column."""

    def signals(self, panel: Panel) -> Signals:
        tomorrow = np.full(panel.shape, np.nan)
        tomorrow[:-1] = panel.close[1:]
        return Signals(entry=tomorrow > panel.close, exit=tomorrow < panel.close)


class MeanOfThePanel(VectorStrategy):
    """Buy below the mean of the whole column."""

    def signals(self, panel: Panel) -> Signals:
        mean = np.nanmean(panel.close)
        return Signals(entry=panel.close < mean * 0.95, exit=panel.close > mean * 1.05)


def peeks() -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Give each kind of peek by name, with how it is handed to the check."""
    yield "the next row of a frame", lambda: {"strategy": ReadsAheadInAFrame, "parameters": {"frame": bars()}}
    yield (
        "the next row of a pandas frame",
        lambda: {
            "strategy": ReadsAheadInAPandasFrame,
            "parameters": {"frame": bars().to_pandas().set_index(_days(bars()))},
        },
    )
    yield (
        "a shifted column",
        lambda: {
            "strategy": ShiftedColumn,
            "parameters": {"tomorrow": bars()["close"].shift(-1).to_list()},
        },
    )
    yield "the tape by private attributes", lambda: {"strategy": PrivateTape}
    yield "the mean of the whole period", lambda: {"strategy": WholeMean}
    yield (
        "the maximum of the whole period",
        lambda: {"strategy": WholeMaximum, "parameters": {"closes": bars()["close"].to_numpy()}},
    )
    yield "a centred window", lambda: {"strategy": CentredWindow, "parameters": {"frame": bars()}}
    yield "a label of the week", lambda: {"strategy": WeeksByTheirFirstDay, "parameters": {"frame": bars()}}
    yield "a model fitted on everything", lambda: {"strategy": FittedOnEverything}
    yield "tomorrow's open in a global", lambda: {"strategy": TomorrowsOpenInAGlobal}
    yield "a cached loader", lambda: {"strategy": CachedLoader}
    yield "what an earlier run left in the class", lambda: {"strategy": LearnsFromEarlierRuns}
    yield "the last bar", lambda: {"strategy": KnowsTheLastBar}
    yield "a file read by the strategy", lambda: {"strategy": ReadsTheFile}
    yield "another symbol's future", lambda: {"strategy": AnotherSymbolsFuture}
    yield "tuned on the whole period", lambda: {"strategy": TunedOnTheWholePeriod}
    yield (
        "tomorrow's close in a record",
        lambda: {"strategy": RecordsTomorrow, "parameters": {"closes": bars()["close"].to_list()}},
    )
    yield (
        "a failure without the future",
        lambda: {"strategy": FailsWithoutTheFuture, "parameters": {"closes": bars()["close"].to_list()}},
    )
    yield "the next row of the panel", lambda: {"strategy": NextRowOfThePanel}
    yield "the mean of the panel", lambda: {"strategy": MeanOfThePanel}
    yield "closes in a closure", lambda: {"strategy": in_a_closure()}
    yield (
        "an instance that holds a frame",
        lambda: {"strategy": ReadsAheadInAFrame(frame=bars())},
    )
    yield "computed parameters", lambda: {"strategy": RankedOverEverything, "parameters": computed}


def _days(frame: pl.DataFrame) -> Any:
    import pandas as pd

    return pd.DatetimeIndex(frame["date"].to_list())
