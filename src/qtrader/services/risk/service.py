"""The risk service: one decision per leg of a signal, with every check in order.

It is asked, not subscribed: the manager hands it a leg with what is reserved already, and publishes the
decision that comes back. Closing legs are never held up by exposure limits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from qtrader.events.events import RiskCheck, RiskDecisionEvent, Sizing, SizingInput
from qtrader.events.vocabulary import CheckVerdict, OrderPurpose, Side, SignalIntention, Verdict
from qtrader.money import ZERO, quantize
from qtrader.services.risk import limits
from qtrader.services.risk.policy import FixedQuantity
from qtrader.services.risk.sizing import Sized, size

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtrader.events.events import SignalEvent
    from qtrader.events.identity import Origin
    from qtrader.market.instruments import Instrument
    from qtrader.services.account import AccountView
    from qtrader.services.legs import ClosingLeg, OpeningLeg
    from qtrader.services.risk.policy import RiskPolicy

#: What an account cannot do at all is no limit that a policy could merely note.
_RULES_OF_THE_ACCOUNT = ("currency", "short_sale", "cash")


# Looked up once, as looking up a member of an enumeration is a call of a Python function before Python 3.12.
_OPEN: Final = OrderPurpose.OPEN
_CLOSE: Final = OrderPurpose.CLOSE
_SELL: Final = Side.SELL
_APPROVED: Final = Verdict.APPROVED
_REDUCED: Final = Verdict.REDUCED
_REJECTED: Final = Verdict.REJECTED
_PASS: Final = CheckVerdict.PASS
_FAIL: Final = CheckVerdict.FAIL
_OPENING: Final = (SignalIntention.OPEN_LONG, SignalIntention.OPEN_SHORT)


class RiskService:
    """Decide on legs.

    Args:
        policy: sizing and limits.
        origin: stamps the decisions.
        account: the account as known from ledger entries.
        instrument: looks an instrument up.
        base_currency: of the account; what is in another one cannot be opened.
    """

    def __init__(
        self,
        *,
        policy: RiskPolicy,
        origin: Origin,
        account: AccountView,
        instrument: Callable[[str], Instrument],
        base_currency: str,
    ) -> None:
        self._policy = policy
        self._origin = origin
        self._account = account
        self._instrument = instrument
        self._base_currency = base_currency
        # What the policy settles once for every leg.
        bounds = policy.limits
        self._policy_name = policy.name
        self._on_breach = bounds.on_breach
        self._is_cash = policy.account == "cash"
        self._is_short_allowed = bounds.allow_short and not self._is_cash
        self._max_quantity = bounds.max_position_quantity
        self._max_percent = percent = bounds.max_position_percent
        self._percent_detail = None if percent is None else limits.position_percent_detail(percent)
        self._max_leverage = leverage = bounds.max_gross_leverage
        self._leverage_detail = None if leverage is None else limits.gross_leverage_detail(leverage)
        self._is_size_fixed = isinstance(policy.sizing, FixedQuantity) and not policy.size_by_confidence
        #: The policy's size by symbol, where nothing but the quantity step bears on it: (step, size).
        self._fixed_sizes: dict[str, tuple[Decimal, Sized]] = {}

    def decide_opening(self, leg: OpeningLeg) -> RiskDecisionEvent:
        """Size an opening leg and check it against every limit."""
        signal, price, account = leg.signal, leg.price, self._account
        symbol = signal.symbol
        instrument = self._instrument(symbol)
        step = instrument.quantity_step
        equity = account.equity
        sized = self._size(signal, equity, price, step)
        quantity = sized.quantity
        results = self._checks(
            limits.Proposal(
                quantity,
                price,
                leg.side is _SELL,
                leg.position_quantity,
                equity,
                account.cash() - leg.reserved_cash + leg.released_cash,
                account.gross_exposure + leg.reserved_exposure - leg.released_exposure,
            )
        )
        if instrument.currency != self._base_currency:
            # Only a decision that it refuses shows it: in all others it would say that nothing is the matter.
            foreign = limits.currency(symbol, instrument.currency, self._base_currency)
            results = results if foreign is None else (foreign, *results)
        approved, checks = _settle(quantity, step, results, self._on_breach)
        requested = quantity if signal.quantity is None else signal.quantity
        signal_id = signal.signal_id
        decision = RiskDecisionEvent(
            envelope=self._origin.effect_of(signal, signal.envelope.occurred_at),
            decision_id=f"{signal_id}/open?",
            signal_id=signal_id,
            strategy_id=signal.strategy_id,
            symbol=symbol,
            purpose=_OPEN,
            side=leg.side,
            verdict=(_APPROVED if approved == requested else _REDUCED) if approved else _REJECTED,
            requested_quantity=requested,
            approved_quantity=approved,
            reference_price=price,
            equity=equity,
            policy=self._policy_name,
            sizing=sized.sizing,
            checks=checks,
        )
        return decision if approved else _explained(decision, results, step)

    def decide_closing(self, leg: ClosingLeg) -> RiskDecisionEvent:
        """Approve a closing leg: exposure falls, so all that counts is that there is as much to close."""
        signal, quantity, held = leg.signal, leg.quantity, leg.held_quantity
        # The quantity of a reversal is that of its opening leg.
        asked = signal.quantity
        requested = quantity if asked is None or signal.intention in _OPENING else asked
        check = RiskCheck(
            "closing_quantity",
            _PASS,
            quantity,
            held,
            held - quantity,
            "quantity closed, quantity held and not yet being closed",
        )
        signal_id = signal.signal_id
        return RiskDecisionEvent(
            envelope=self._origin.effect_of(signal, signal.envelope.occurred_at),
            decision_id=f"{signal_id}/close?",
            signal_id=signal_id,
            strategy_id=signal.strategy_id,
            symbol=signal.symbol,
            purpose=_CLOSE,
            side=leg.side,
            verdict=_APPROVED if quantity == requested else _REDUCED,
            requested_quantity=requested,
            approved_quantity=quantity,
            reference_price=leg.price,
            equity=self._account.equity,
            policy=self._policy_name,
            sizing=Sizing(
                "position",
                "quantity held, the signal's fraction or quantity of it",
                (SizingInput("held", held),),
            ),
            checks=(check,),
        )

    def _size(self, signal: SignalEvent, equity: Decimal, price: Decimal, step: Decimal) -> Sized:
        if signal.quantity is None:
            known = self._fixed_sizes.get(signal.symbol)
            if known is not None and known[0] is step:
                return known[1]
        sized = size(
            self._policy.sizing,
            equity=equity,
            price=price,
            quantity_step=step,
            confidence=signal.confidence if self._policy.size_by_confidence else None,
            asked_quantity=signal.quantity,
        )
        if self._is_size_fixed and signal.quantity is None:
            self._fixed_sizes[signal.symbol] = (step, sized)
        return sized

    def _checks(self, proposal: limits.Proposal) -> tuple[limits.Checked, ...]:
        return (
            limits.short_sale(proposal, is_allowed=self._is_short_allowed),
            limits.cash(proposal, applies=self._is_cash),
            limits.position_quantity(proposal, self._max_quantity),
            limits.position_percent(proposal, self._max_percent, self._percent_detail),
            limits.gross_leverage(proposal, self._max_leverage, self._leverage_detail),
        )


def _explained(
    decision: RiskDecisionEvent, results: tuple[limits.Checked, ...], step: Decimal
) -> RiskDecisionEvent:
    """Say why a decision refuses and what would have passed."""
    requested = decision.requested_quantity
    reason, message = _refusal(requested, decision.checks)
    return msgspec.structs.replace(
        decision, reason=reason, message=message, remedy=_remedy(requested, results, step)
    )


def _settle(
    requested: Decimal, step: Decimal, results: tuple[limits.Checked, ...], on_breach: str
) -> tuple[Decimal, tuple[RiskCheck, ...]]:
    """Turn the checks into the approved quantity, and each failed check into what the policy makes of it."""
    shown: list[RiskCheck] = []
    failed: list[limits.Checked] = []
    for result in results:
        check = result.check
        shown.append(check)
        if check.verdict is _FAIL:
            failed.append(result)
    checks = tuple(shown)
    if not failed or requested == 0:
        return requested, checks
    if on_breach == "warn" and not any(result.check.name in _RULES_OF_THE_ACCOUNT for result in failed):
        return requested, _with_verdict(checks, CheckVerdict.WARN)
    if on_breach == "shrink":
        largest = min(result.largest_quantity for result in failed if result.largest_quantity is not None)
        approved = largest // step * step
        if approved > 0:
            return approved, _with_verdict(checks, CheckVerdict.SHRINK)
    return ZERO, checks


def _with_verdict(checks: tuple[RiskCheck, ...], verdict: CheckVerdict) -> tuple[RiskCheck, ...]:
    return tuple(
        RiskCheck(c.name, verdict, c.value, c.limit, c.headroom, c.detail)
        if c.verdict is CheckVerdict.FAIL
        else c
        for c in checks
    )


def _refusal(requested: Decimal, checks: tuple[RiskCheck, ...]) -> tuple[str, str]:
    """Name the first check that failed and say it in a sentence."""
    failed = next((check for check in checks if check.verdict is CheckVerdict.FAIL), None)
    if failed is None:
        return "size_rounds_to_zero", f"the sized quantity is {requested:f}: less than one quantity step"
    if failed.value is None or failed.limit is None:
        return failed.name, failed.detail or failed.name
    found, allowed = (f"{quantize(number, 8).normalize():f}" for number in (failed.value, failed.limit))
    return failed.name, f"{failed.name}: {found} is more than {allowed} ({failed.detail})"


def _remedy(requested: Decimal, results: tuple[limits.Checked, ...], step: Decimal) -> str | None:
    """Name the smallest change of quantity that every failed check would have passed."""
    bounds = [
        r.largest_quantity
        for r in results
        if r.check.verdict is CheckVerdict.FAIL and r.largest_quantity is not None
    ]
    if not bounds:
        return None
    largest = min(bounds) // step * step
    if largest <= 0:
        return "no quantity would have passed"
    return f"a quantity of {largest:f} instead of {requested:f} would have passed"
