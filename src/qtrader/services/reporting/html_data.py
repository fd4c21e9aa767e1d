"""What the report's script draws from, as JSON that no text can leave.

Instants are seconds since the epoch, each as the step from the one before; series are thinned.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Final

from qtrader.services.reporting.charts import thinned
from qtrader.services.reporting.html_tables import ROWS_SHOWN
from qtrader.services.reporting.report import Curve, PriceChart, ReportContent

#: Markers of a symbol in a page's data, and in its picture without script; beyond it every n-th is shown.
MARKER_LIMIT: Final = 1_000
STATIC_MARKER_LIMIT: Final = 200

#: The kinds of marker, by the number that stands for each in the data.
MARKER_KINDS: Final = ("long_entry", "long_exit", "short_entry", "short_exit")


def page_data(content: ReportContent) -> str:
    """Write the data as JSON that may stand inside a script element."""
    data: dict[str, Any] = {
        "equity": _series(content.equity, 8),
        "drawdown": _series(content.drawdown, 5),
        "prices": [_price(one) for one in content.prices],
        "kinds": MARKER_KINDS,
        "shown": ROWS_SHOWN,
    }
    if content.benchmark is not None:
        data["benchmark"] = {"name": content.benchmark_name, **_series(content.benchmark, 8)}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # These would end the element or begin a comment in it; inside JSON they stand only in strings.
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _series(curve: Curve, digits: int) -> dict[str, Any]:
    instants, values = thinned(curve.instants_us, curve.values)
    return {"t": _steps(instants), "v": [_number(value, digits) for value in values]}


def marker_step(count: int, limit: int) -> int:
    """Give the n of which every n-th marker is kept, so that at most `limit` are left."""
    return -(-count // limit) or 1


def _price(chart: PriceChart) -> dict[str, Any]:
    shown = chart.markers
    return {
        "name": chart.symbol,
        **_series(chart.closes, 7),
        "m": {
            "t": _steps([one.at_us for one in shown]),
            "p": [_number(one.price, 7) for one in shown],
            "k": [MARKER_KINDS.index(one.kind) for one in shown],
            "x": [one.text for one in shown],
        },
    }


def _steps(instants_us: Sequence[int]) -> list[int]:
    seconds = [at_us // 1_000_000 for at_us in instants_us]
    return [after - before for before, after in zip([0, *seconds], seconds, strict=False)]


def _number(value: float, digits: int) -> float | None:
    return None if math.isnan(value) else float(f"{value:.{digits}g}")
