"""A stage for strategies: a service over a small tape, an account moved by hand, and what was published."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.factories import RUN_ID, Ledger, Recorder, at_us, tape_of

from qtrader.market.history import TapeHistory
from qtrader.market.marks import Marks
from qtrader.market.tape import Tape
from qtrader.market.universe import Universe
from qtrader.services.strategy.context import Context
from qtrader.services.strategy.service import StrategyService
from qtrader.services.strategy.visible import VisibleIntervals

CLOSES = {"AAPL": [100.0, 101.5, 99.25, 102.0], "MSFT": [20.0, 21.0, 22.0, 23.0]}


class Stage:
    """Play bars to strategies; `play(day)` hands them the bars of one day."""

    def __init__(
        self,
        strategies: Any,
        tape: Tape | None = None,
        *,
        symbols_of: Mapping[str, tuple[str, ...]] | None = None,
        intervals: Mapping[str, tuple[str, ...]] | None = None,
        universe: Universe | None = None,
        trading_starts_day: int | None = None,
        seed: int = 0,
        ledger: Ledger | None = None,
        is_stream: bool = False,
        quantity_step: str = "1",
    ) -> None:
        made = strategies if isinstance(strategies, dict) else {"sma": strategies}
        self.tape = tape_of(CLOSES) if tape is None else tape
        self.published = Recorder()
        self.marks = Marks(self.tape)
        self.ledger = Ledger() if ledger is None else ledger
        self.service = StrategyService(
            made,
            symbols_of=symbols_of or {},
            publish=self.published,
            run_id=RUN_ID,
            symbols=self.tape.symbols,
            account=self.ledger.account,
            history=TapeHistory(self.tape),
            look=self.marks.look,
            last_price=self.marks.mark,
            universe=universe,
            trading_starts_us=-(2**63) if trading_starts_day is None else at_us(trading_starts_day),
            seed=seed,
            visible=VisibleIntervals(
                self.tape.intervals,
                {symbol: self.tape.intervals_of(symbol) for symbol in self.tape.symbols},
                intervals or {},
            ),
            tape=None if is_stream else self.tape,
            quantity_step=lambda _symbol: Decimal(quantity_step),
        )

    def play(self, *days: int) -> Stage:
        for day in days or range(1, 32):
            bars = [bar for bar in self.tape.bars(run_id=RUN_ID) if bar.closed_at_us == at_us(day)]
            self.service.take_in(bars)
            self.service.deliver_notices(at_us(day))
            for bar in bars:
                self.service.on_bar(bar)
            self.service.on_slice(bars)
        return self

    def start(self) -> Stage:
        self.service.on_start(at_us(1, 14))
        return self

    def context(self, name: str = "sma") -> Context:
        return self.service.contexts()[name]

    @property
    def signals(self) -> list[Any]:
        return self.published.events


class Play:
    """A strategy written as a function of bar and context."""

    def __init__(self, on_bar: Any) -> None:
        self.on_bar = on_bar
