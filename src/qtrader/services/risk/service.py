"""The risk service: one decision per leg of a signal, with every check in order.

It is asked, not subscribed: the manager hands it a leg with what is reserved already, and publishes the
decision that comes back. Closing legs are never held up by exposure limits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from qtrader.events.events import RiskCheck, RiskDecisionEvent, Sizing, SizingInput
from qtrader.events.vocabulary import CheckVerdict, OrderPurpose, Side, SignalIntention, Verdict
from qtrader.money import ZERO, quantize
from qtrader.services.risk import limits
from qtrader.services.risk.sizing import size

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def decide_opening(self, leg: OpeningLeg) -> RiskDecisionEvent:
        """Size an opening leg and check it against every limit."""
        policy = self._policy
        signal = leg.signal
        equity = self._account.equity
        instrument = self._instrument(signal.symbol)
        step = instrument.quantity_step
        sized = size(
            policy.sizing,
            equity=equity,
            price=leg.price,
            quantity_step=step,
            confidence=signal.confidence if policy.size_by_confidence else None,
            asked_quantity=signal.quantity,
        )
        account = self._account
        proposal = limits.Proposal(
            quantity=sized.quantity,
            price=leg.price,
            is_short=leg.side is _SELL,
            position_quantity=leg.position_quantity,
            equity=equity,
            free_cash=account.cash() - leg.reserved_cash + leg.released_cash,
            gross_exposure=account.gross_exposure + leg.reserved_exposure - leg.released_exposure,
        )
        results = self._checks(proposal)
        # Only a decision that it refuses shows it: in all others it would say that nothing is the matter.
        foreign = limits.currency(signal.symbol, instrument.currency, self._base_currency)
        if foreign is not None:
            results = (foreign, *results)
        approved, checks = _settle(sized.quantity, step, results, policy.limits.on_breach)
        return self._opening_decision(
            leg,
            equity=equity,
            requested=sized.quantity if signal.quantity is None else signal.quantity,
            approved=approved,
            sizing=sized.sizing,
            checks=checks,
            results=results,
        )

    def decide_closing(self, leg: ClosingLeg) -> RiskDecisionEvent:
        """Approve a closing leg: exposure falls, so all that counts is that there is as much to close."""
        signal, quantity, held = leg.signal, leg.quantity, leg.held_quantity
        # The quantity of a reversal is that of its opening leg.
        asked = None if signal.intention in _OPENING else signal.quantity
        requested = quantity if asked is None else asked
        check = RiskCheck(
            "closing_quantity",
            _PASS,
            quantity,
            held,
            held - quantity,
            "quantity closed, quantity held and not yet being closed",
        )
        sizing = Sizing(
            "position", "quantity held, the signal's fraction or quantity of it", (SizingInput("held", held),)
        )
        self._origin.handle(signal)
        return RiskDecisionEvent(
            **self._origin.stamp(),
            decision_id=f"{signal.signal_id}/close?",
            signal_id=signal.signal_id,
            strategy_id=signal.strategy_id,
            symbol=signal.symbol,
            purpose=_CLOSE,
            side=leg.side,
            verdict=_APPROVED if quantity == requested else Verdict.REDUCED,
            requested_quantity=requested,
            approved_quantity=quantity,
            reference_price=leg.price,
            equity=self._account.equity,
            policy=self._policy.name,
            sizing=sizing,
            checks=(check,),
        )

    def _checks(self, proposal: limits.Proposal) -> tuple[limits.Checked, ...]:
        bounds = self._policy.limits
        is_cash = self._policy.account == "cash"
        return (
            limits.short_sale(proposal, is_allowed=bounds.allow_short and not is_cash),
            limits.cash(proposal, applies=is_cash),
            limits.position_quantity(proposal, bounds.max_position_quantity),
            limits.position_percent(proposal, bounds.max_position_percent),
            limits.gross_leverage(proposal, bounds.max_gross_leverage),
        )

    def _opening_decision(
        self,
        leg: OpeningLeg,
        *,
        equity: Decimal,
        requested: Decimal,
        approved: Decimal,
        sizing: Sizing,
        checks: tuple[RiskCheck, ...],
        results: tuple[limits.Checked, ...],
    ) -> RiskDecisionEvent:
        signal = leg.signal
        reason = message = remedy = None
        if approved == requested and approved:
            verdict = _APPROVED
        elif approved:
            verdict = Verdict.REDUCED
        else:
            verdict = Verdict.REJECTED
            reason, message = _refusal(requested, checks)
            remedy = _remedy(requested, results, self._instrument(signal.symbol).quantity_step)
        self._origin.handle(signal)
        return RiskDecisionEvent(
            **self._origin.stamp(),
            decision_id=f"{signal.signal_id}/open?",
            signal_id=signal.signal_id,
            strategy_id=signal.strategy_id,
            symbol=signal.symbol,
            purpose=_OPEN,
            side=leg.side,
            verdict=verdict,
            requested_quantity=requested,
            approved_quantity=approved,
            reference_price=leg.price,
            equity=equity,
            policy=self._policy.name,
            sizing=sizing,
            checks=checks,
            reason=reason,
            message=message,
            remedy=remedy,
        )


def _settle(
    requested: Decimal, step: Decimal, results: tuple[limits.Checked, ...], on_breach: str
) -> tuple[Decimal, tuple[RiskCheck, ...]]:
    """Turn the checks into the approved quantity, and each failed check into what the policy makes of it."""
    checks = tuple([result.check for result in results])
    failed = [result for result in results if result.check.verdict is _FAIL]
    if requested == 0 or not failed:
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
