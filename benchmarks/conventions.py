"""What each engine charges, precomputes, keeps and logs in the benchmarks, for the page of results."""

from __future__ import annotations

#: By engine: its name, and what it does.
CONVENTIONS: dict[str, tuple[str, str]] = {
    "qtrader": (
        "QTrader",
        (
            "Next open, 0.1 % commission in decimals, lots, ledger; every event's body is validated "
            "against its schema and logged. Callback strategies keep their means bar by bar; column "
            "strategies and sweeps calculate them on columns, which is part of the time. Its strategy "
            "compares means as floats, without a tolerance: where they are equal in cents, a cross "
            "may be seen that the reference does not count."
        ),
    ),
    "raptorbt": (
        "raptorbt",
        (
            "Next open, 0.1 % fees, floats; trades and curves are kept, nothing is logged. 100 shares "
            "are an entry of the cash of 150, cut to lots of 100: its orders in units cost time that "
            "grows with all orders before them. Its metrics (48) are part of every run. A sweep's "
            "positions take all cash, for signals come without a size."
        ),
    ),
    "vectorbt": (
        "vectorbt",
        (
            "Signals are moved by one bar and filled at its open; 0.1 % fees, floats, order records, "
            "no log. In a sweep ten metrics are calculated for each pair. Equal means may differ in "
            "floats, hence a few other fills."
        ),
    ),
    "nautilus": (
        "nautilus_trader",
        (
            "Fills at the close of the bar that decides: bars give it no later price. Fee of 0.1 %, "
            "decimals, events kept in its cache; its logging is switched off."
        ),
    ),
    "backtrader": (
        "backtrader",
        ("Next open, 0.1 % commission, floats; no observers, nothing is logged."),
    ),
    "backtesting": (
        "backtesting.py",
        ("Next open, 0.1 % commission, floats; its statistics are part of the run, its progress bar is not."),
    ),
    "basana": (
        "basana",
        ("Next open, 0.1 % fee, decimals; an asynchronous call a bar, nothing is logged."),
    ),
    "ml4t": (
        "ml4t-backtest",
        (
            "Next open, 0.1 % commission, floats; fills, trades and an equity curve are kept. Its "
            "feed is indexed before the run (`prepare`)."
        ),
    ),
    "carrotquant": (
        "carrotquant-engine",
        (
            "Next open, 0.1 % fee, floats; a callback per instant sees arrays over symbols and keeps "
            "running sums in them; trades, cash and equity are kept. `signals` is its numba loop over "
            "a matrix of signals, which are calculated within the run."
        ),
    ),
    "nanoback": (
        "nanoback",
        (
            "Targets are a matrix made before the first bar: there is no callback in its loop. Market "
            "orders fill at the bar after; fees of 10 bps, floats, an array of fills."
        ),
    ),
    "zipline": (
        "zipline-reloaded",
        (
            "Daily bars through its data portal; market orders fill at the close of the next bar (it "
            "has no next open), 0.1 % of value, no slippage."
        ),
    ),
    "deployquant": (
        "deployquant",
        (
            "Next bar; fees are constant for each order, about 0.1 % of a trade. It trades US sessions "
            "only: the bars are dealt to sessions of 390 minutes, prices as they are, by a store in "
            "memory. Nothing is logged."
        ),
    ),
}
