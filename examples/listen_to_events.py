"""The engine by hand: what happens on the event bus while a run goes on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import qtrader as qt
from qtrader.events.events import FillEvent

CONFIG = Path(__file__).parents[1] / "config" / "system.yaml"


def main() -> None:
    """Count every event of a run, and print its first fills as they happen."""
    engine = qt.BacktestEngine.from_config(CONFIG, overrides={"start": "2008-01-02", "end": "2009-12-31"})
    counts: Counter[str] = Counter()

    def show(fill: FillEvent) -> None:
        if counts["fill"] <= 5:
            print(f"{fill.executed_at:%Y-%m-%d} {fill.side} {fill.quantity} {fill.symbol} at {fill.price}")

    engine.bus.subscribe("*", lambda event: counts.update([event.event_type]))
    engine.bus.subscribe("fill", show)
    engine.run()
    for event_type, count in sorted(counts.items()):
        print(f"{count:>6}  {event_type}")


if __name__ == "__main__":
    main()
