"""The directory of a sweep: written beside its place and completed by one rename, so whole or not there.

`<name>-sweep-<id>` holds the table (CSV and Parquet), the refused sets, the page with heatmaps, the effective
configuration and a manifest. The id is a digest of what decides and of the table itself: an identical sweep
is recognised and left as it is, and nothing is ever overwritten.
"""

from __future__ import annotations

import os
import shutil
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from qtrader.engine.config import config_fingerprint
from qtrader.engine.run_directory import MANIFEST, SavedRun, directory_name
from qtrader.engine.run_identity import digest, strategy_digest
from qtrader.services.reporting.export import OutputError, to_csv, to_json, to_parquet, unwritable
from qtrader.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from qtrader.research.sweep_results import SweepResults

#: The layout that is written.
FORMAT: Final = 1
#: The page in a sweep's directory.
PAGE: Final = "heatmap.html"


def save_sweep(results: SweepResults, root: Path) -> SavedRun:
    """Write a sweep's directory below `root`, or find it there.

    Raises:
        OutputError: it cannot be written, or something else stands in its place; nothing is left behind.
    """
    table = to_csv(results.table)
    manifest = _manifest(results, table)
    name = results.sweep.config.run.name
    target = root / directory_name(f"{name}-sweep", manifest["sweep_id"])
    wanted = to_json(manifest)
    if target.exists():
        return _standing(target, wanted)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        temporary.mkdir(parents=True)
        _write_files(results, temporary, table, wanted)
        if target.exists():  # another process was faster
            return _standing(target, wanted)
        temporary.rename(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # gone after the rename; else the failure tells
    return SavedRun(target, is_reused=False)


def _standing(target: Path, wanted: bytes) -> SavedRun:
    try:
        is_same = (target / MANIFEST).read_bytes() == wanted
    except OSError:
        is_same = False
    if is_same:
        return SavedRun(target, is_reused=True)
    msg = f"{target} exists and holds something else; it is not overwritten: move or remove it, and repeat"
    raise OutputError(msg)


def _write_files(results: SweepResults, folder: Path, table: bytes, manifest: bytes) -> None:
    from qtrader.engine.report_content import configuration_yaml
    from qtrader.research.sweep_page import sweep_page

    config = results.sweep.config
    (folder / "sweep.csv").write_bytes(table)
    (folder / "sweep.parquet").write_bytes(to_parquet(results.table))
    if results.refused.height:
        (folder / "refused.csv").write_bytes(to_csv(results.refused))
    (folder / "config.yaml").write_text(configuration_yaml(config.to_dict()), encoding="utf-8")
    (folder / PAGE).write_bytes(sweep_page(results, config.run.name).encode())
    (folder / MANIFEST).write_bytes(manifest)


def _manifest(results: SweepResults, table: bytes) -> dict[str, Any]:
    sweep, board = results.sweep, results.board
    fingerprints = {
        "algorithm": "blake2b-128",
        "data": sweep.inputs.fingerprint,
        "configuration": config_fingerprint(sweep.config),
        "strategy": _strategy_digest(results),
        "table": blake2b(table, digest_size=16).hexdigest(),
        "refused": blake2b(to_csv(results.refused), digest_size=16).hexdigest(),
    }
    objective = board.objective
    decided = (*fingerprints.values(), __version__, objective.metric, str(objective.is_more_better))
    return {
        "format": FORMAT,
        "sweep_id": digest(*decided)[:16],
        "name": sweep.config.run.name,
        "engine_version": __version__,
        "strategy": sweep.maker.cls.__name__,
        "fingerprints": fingerprints,
        "metric": objective.metric,
        "is_more_better": objective.is_more_better,
        "counts": {**results.gear_counts, "left_out": board.left_out, "bars": len(sweep.inputs.data.tape)},
        "best": {
            "set": results.ranking[0],
            "parameters": results.best_parameters,
            "value": results.best_value,
        },
        "verified": list(results.verified),
        "in_engine": results.engine_reasons,
        "refused": results.refusal_reasons,
        "warnings": list(results.warnings),
    }


def _strategy_digest(results: SweepResults) -> str:
    """Digest the strategy's code, with the parameters that all sets share."""
    from qtrader.engine.inputs import importing_from

    sweep = results.sweep
    with importing_from(sweep.config.import_from):
        return strategy_digest(sweep.maker.spec, sweep.maker.make(results.best_parameters))
