"""Make the session tables that ship in src/qtrader/market/sessions, with the library exchange_calendars.

    python scripts/make_session_tables.py            write the tables
    python scripts/make_session_tables.py --check    compare them with what the library says, write nothing

The range is fixed (1990 to 2030, narrower where the library's own bounds are), so that a run on another day
gives the same tables; another version of the library may not, and --check shows where. The format is
described in the sessions package.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from qtrader.market.sessions import build_table, date_of, encode_table, read_table, shipped_names

FOLDER: Final = Path(__file__).resolve().parents[1] / "src" / "qtrader" / "market" / "sessions"

# fmt: off
EXCHANGES: Final = (
    "BVMF", "CMES", "IEPA", "XAMS", "XASX", "XBOM", "XBRU", "XCBF", "XCSE",
    "XDUB", "XETR", "XFRA", "XHEL", "XHKG", "XIDX", "XJSE", "XKRX", "XLIS",
    "XLON", "XMAD", "XMEX", "XMIL", "XNYS", "XNZE", "XOSL", "XPAR", "XSES",
    "XSHG", "XSTO", "XSWX", "XTAI", "XTKS", "XTSE", "XWAR", "XWBO",
)
# fmt: on


def write_tables() -> None:
    """Write one .npz per exchange and the index beside them."""
    about = {}
    for name in EXCHANGES:
        table = build_table(name)
        np.savez_compressed(FOLDER / f"{name}.npz", allow_pickle=False, **encode_table(table))
        about[name] = {
            "timezone": table.timezone,
            "covers_from": table.covers_from.isoformat(),
            "covers_to": table.covers_to.isoformat(),
            "first_session": date_of(table.days[0]).isoformat(),
            "sessions": len(table.days),
        }
    index = {"source": f"exchange_calendars {version('exchange_calendars')} (Apache-2.0)", "calendars": about}
    (FOLDER / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def differences() -> list[str]:
    """Return a line for every exchange whose shipped table is not what the library says."""
    found = []
    if shipped_names() != EXCHANGES:
        found.append(f"shipped are {shipped_names()}, wanted {EXCHANGES}")
    for name in shipped_names():
        shipped, made = read_table(name), build_table(name)
        same = (
            (shipped.timezone, shipped.covers_from, shipped.covers_to)
            == (made.timezone, made.covers_from, made.covers_to)
            and np.array_equal(shipped.days, made.days)
            and np.array_equal(shipped.opened_at_us, made.opened_at_us)
            and np.array_equal(shipped.closed_at_us, made.closed_at_us)
        )
        if not same:
            unlike = np.setxor1d(shipped.days, made.days)
            found.append(
                f"{name}: the tables differ; dates in only one: {[str(date_of(d)) for d in unlike[:10]]}"
            )
    return found


def main() -> int:
    """Write or check the tables; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the session tables that ship with QTrader.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if not parser.parse_args().check:
        write_tables()
    found = differences()
    size = sum(path.stat().st_size for path in FOLDER.glob("*.npz"))
    print("\n".join(found) or f"{len(EXCHANGES)} session tables agree with the library, {size:,} bytes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
