"""Research: many runs at once, and what may be learnt from them.

It stands above the engine. `qt.sweep` runs many parameter sets of one strategy over one tape: column
strategies in a kernel, everything else in the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtrader.lazy import loader

if TYPE_CHECKING:
    from qtrader.research.sampling import Outcome as Outcome
    from qtrader.research.sampling import RandomSampler as RandomSampler
    from qtrader.research.sampling import Reals as Reals
    from qtrader.research.sampling import Sampler as Sampler
    from qtrader.research.sweep import Sweep as Sweep
    from qtrader.research.sweep_results import SweepResults as SweepResults
    from qtrader.research.verification import SweepMismatchError as SweepMismatchError

_HOMES = {
    "Outcome": "qtrader.research.sampling",
    "RandomSampler": "qtrader.research.sampling",
    "Reals": "qtrader.research.sampling",
    "Sampler": "qtrader.research.sampling",
    "Sweep": "qtrader.research.sweep",
    "SweepMismatchError": "qtrader.research.verification",
    "SweepResults": "qtrader.research.sweep_results",
}

__all__ = [
    "Outcome",
    "RandomSampler",
    "Reals",
    "Sampler",
    "Sweep",
    "SweepMismatchError",
    "SweepResults",
]

__getattr__ = loader(__name__, _HOMES)
