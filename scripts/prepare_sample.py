"""Keep the sample data as the shipped example and `qt.backtest(qt.sample_data(), …)` ask for them.

    python scripts/prepare_sample.py            write what is not there, remove what nobody asks for
    python scripts/prepare_sample.py --check    compare what is there with what loading gives, write nothing

It is what `qtrader data prepare` does with any data. A run finds what was kept by the bytes of the files, the
declarations and QTrader's version, and reads the files where nothing is found.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from qtrader.engine.config import default_run_config, load_run_config
from qtrader.engine.inputs import load_request, run_request, sample_request
from qtrader.sample import sample_data
from qtrader.services.data.prepared import PREPARED_FOLDER, find_prepared, prepare

if TYPE_CHECKING:
    from qtrader.services.data.prepared import Request

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "src" / "qtrader" / "sample" / PREPARED_FOLDER


def requests() -> dict[str, Request]:
    """Say what is kept, and for whom."""
    of_sample = sample_request(sample_data(), default_run_config().run, {})
    if of_sample is None:
        msg = "the sample data are asked for in another way"
        raise RuntimeError(msg)
    return {
        "config/system.yaml": run_request(load_run_config(ROOT / "config" / "system.yaml")),
        "qt.backtest(qt.sample_data(), …)": of_sample,
    }


def write() -> None:
    """Keep every request, and nothing else."""
    wanted = {prepare(request, load_request(request)).name for request in requests().values()}
    for entry in FOLDER.iterdir():
        if entry.name not in wanted:
            shutil.rmtree(entry)


def differences() -> list[str]:
    """Return a line for every request whose data are not kept, or not as they are loaded."""
    found = []
    for name, request in requests().items():
        kept, loaded = find_prepared(request), load_request(request)
        if kept is None:
            found.append(f"{name}: nothing is kept")
            continue
        same = {
            "tape": kept.tape.fingerprint == loaded.tape.fingerprint,
            "actions": repr(kept.actions) == repr(loaded.actions),
            "instruments": kept.instruments.listed == loaded.instruments.listed,
            "calendars": kept.calendars == loaded.calendars,
            "universe": kept.universe is None and loaded.universe is None,
            "report": kept.report == loaded.report,
        }
        found.extend(f"{name}: the {part} differ" for part, is_same in same.items() if not is_same)
    kept_names = sorted(FOLDER.iterdir()) if FOLDER.is_dir() else []
    if len(kept_names) != len(requests()):
        found.append(f"{FOLDER.name}: holds {len(kept_names)} entries, {len(requests())} are asked for")
    return found


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        write()
    lines = differences()
    print("\n".join(lines) or "what is kept is what loading gives")
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
