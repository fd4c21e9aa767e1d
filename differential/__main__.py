"""Run the cases through QTrader and the peers, compare and print the table (`make differential`).

The exit code is 1 where anything is unexplained.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from differential import publish, qtrader_run
from differential.cases import COMMISSION_PERCENT, STRATEGIES, Case, Strategy, case_of
from differential.compare import Tally
from differential.tapes import random_tape, sample_tapes
from differential.trades import Outcome

HERE = Path(__file__).parent
ROOT = HERE.parent

#: The script and its further arguments.
PEERS = {
    "backtesting": ("backtesting_run.py", ()),
    "backtrader": ("backtrader_run.py", ()),
    "vectorbt": ("vectorbt_run.py", ()),
    "vectorbt_orders": ("vectorbt_run.py", ("orders",)),
}


def cases_of(strategy: Strategy, tapes: int) -> list[Case]:
    """Plan a strategy on the sample data and on so many random tapes, with commission and without."""
    rates = "0", COMMISSION_PERCENT
    found = [case_of(tape, strategy, rate) for tape in sample_tapes() for rate in rates]
    return found + [case_of(random_tape(seed), strategy, rates[seed % 2]) for seed in range(tapes)]


def run_peer(peer: str, cases: list[Case], python: Path) -> dict[str, Outcome]:
    """Run cases in the peer's environment.

    Raises:
        subprocess.CalledProcessError: its script failed; what it said is on standard error.
    """
    script, arguments = PEERS[peer]
    with tempfile.TemporaryDirectory() as folder:
        given, written = Path(folder, "cases.json"), Path(folder, "results.json")
        given.write_text(json.dumps([case.to_json() for case in cases]), encoding="utf-8")
        environment = {**os.environ, "TQDM_DISABLE": "1"}  # no progress bars
        command = [str(python), str(HERE / "peers" / script), str(given), str(written), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        found = json.loads(written.read_text(encoding="utf-8"))
    return {name: Outcome.from_json(outcome) for name, outcome in found.items()}


def compare_all(strategies: list[Strategy], peers: list[str], tapes: int, python: Path) -> publish.Table:
    """Run and compare everything that was asked for."""
    table: publish.Table = {}
    ours: dict[str, Outcome] = {}
    cases = {strategy.name: cases_of(strategy, tapes) for strategy in strategies}
    for each in cases.values():
        ours |= {case.name: qtrader_run.run(case) for case in each}
    for peer in peers:
        names = [strategy.name for strategy in strategies if peer in strategy.peers]
        began = time.perf_counter()
        theirs = run_peer(peer, [case for name in names for case in cases[name]], python) if names else {}
        for name in names:
            tally = table[peer, name] = Tally()
            for case in cases[name]:
                tally.add(case, peer, ours[case.name], theirs[case.name])
        print(f"{peer}: {len(theirs)} cases in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return table


def main() -> None:
    """Do what the command line says."""
    options = _options()
    strategies = [each for each in STRATEGIES if options.strategy in (None, each.name)]
    peers = [each for each in PEERS if options.peer in (None, each)]
    if not options.python.exists():
        sys.exit(f"differential: no peers at {options.python}; `make differential` installs them")
    table = compare_all(strategies, peers, options.tapes, options.python)
    print(publish.as_markdown(table))
    for tally in table.values():
        for difference in tally.differences:
            if options.show is not None and options.show in difference.rules:
                print(difference)
    complaints = [complaint for tally in table.values() for complaint in tally.complaints]
    for complaint in complaints[:20]:
        print(complaint, file=sys.stderr)
    if complaints:
        sys.exit(f"differential: {len(complaints)} differences are unexplained")
    if options.record:
        publish.record(lambda peer, cases: run_peer(peer, cases, options.python))
    if options.write_docs:
        publish.write_docs(table, options.tapes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m differential")
    parser.add_argument("--tapes", type=int, default=60, help="random tapes for each strategy")
    parser.add_argument("--peer", choices=PEERS, help="one peer only")
    parser.add_argument("--strategy", choices=[each.name for each in STRATEGIES], help="one strategy only")
    parser.add_argument("--show", metavar="RULE", help="print every difference that this rule explains")
    interpreter = ROOT / ".venv-peers/differential/bin/python"
    parser.add_argument("--python", type=Path, default=interpreter, help="of the peers")
    parser.add_argument("--write-docs", action="store_true", help="renew the tables of docs/differences.md")
    parser.add_argument("--record", action="store_true", help="renew what the fast tests compare with")
    return parser.parse_args()


if __name__ == "__main__":
    main()
