"""Progress of a run on a terminal: bars done, bars a second and the time left.

`Pace` is arithmetic over readings that carry their time along; only the display reads a clock.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[[int, int], None]
#: Takes a stage's name, and how many of how many bars it has done.
Show = Callable[[str, int, int], None]

#: The rate is that of the latest seconds, because bars that trade take longer than bars that do not.
_WINDOW_S: Final = 30.0
#: A terminal is not drawn anew more often.
_REDRAW_S: Final = 0.1
_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600


class Pace:
    """Tell how fast a run goes, and how long it will take, from what was done at which time.

    Args:
        window_s: the rate is that of so many of the latest seconds.
    """

    def __init__(self, window_s: float = _WINDOW_S) -> None:
        self._window_s = window_s
        self._readings: deque[tuple[float, int]] = deque()
        self._total = 0

    def read(self, at_s: float, done: int, total: int) -> None:
        """Take note of what was done at a time, in seconds of any clock that does not go back."""
        self._total = total
        readings = self._readings
        readings.append((at_s, done))
        # The oldest reading is as old as the window or older, so that the rate spans all of it.
        while len(readings) > 2 and at_s - readings[1][0] >= self._window_s:
            readings.popleft()

    @property
    def bars_per_second(self) -> float | None:
        """Bars a second of late; None before there is anything to tell it from."""
        if len(self._readings) < 2:
            return None
        (began_s, before), (at_s, done) = self._readings[0], self._readings[-1]
        return (done - before) / (at_s - began_s) if at_s > began_s and done > before else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end, if it goes on like this."""
        rate = self.bars_per_second
        return None if rate is None else (self._total - self._readings[-1][1]) / rate

    def __str__(self) -> str:
        rate, left = self.bars_per_second, self.seconds_left
        return "" if rate is None or left is None else f"{rate:,.0f} bars/s, {duration(left)} left"


def duration(seconds: float) -> str:
    """Write a time that somebody waits, for example `3 min 20 s`: rounded up, its two largest units."""
    whole = -int(-seconds // 1)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02} s"
    minutes = -(-whole // _MINUTE_S)
    return f"{minutes // 60} h {minutes % 60:02} min"


@contextmanager
def shown_progress(*, is_quiet: bool) -> Iterator[Advance | None]:
    """Show the progress of a run on standard error, where someone can see it."""
    with shown_stages(is_quiet=is_quiet) as show:
        yield None if show is None else partial(show, "bars")


@contextmanager
def shown_stages(*, is_quiet: bool) -> Iterator[Show | None]:
    """Show the progress of work in stages on standard error, where someone can see it."""
    if is_quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with drawn(Console(stderr=True), time.monotonic) as show:
        yield show


@contextmanager
def drawn(console: Console, clock: Callable[[], float]) -> Iterator[Show]:
    """Draw a bar with the stage, bars done, bars a second and the time left; it is gone afterwards."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    pace, shown_stage = Pace(), ""
    drawn_at_s = -_REDRAW_S
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=None, pace="", visible=False)

        def show(stage: str, done: int, total: int) -> None:
            nonlocal drawn_at_s, pace, shown_stage
            at_s = clock()
            if stage != shown_stage:
                pace, shown_stage, drawn_at_s = Pace(), stage, -_REDRAW_S
            pace.read(at_s, done, total)
            if at_s - drawn_at_s >= _REDRAW_S or done == total:
                drawn_at_s = at_s
                bar.update(
                    task,
                    description=stage,
                    completed=done,
                    total=total,
                    pace=str(pace),
                    visible=True,
                    refresh=True,
                )

        yield show
