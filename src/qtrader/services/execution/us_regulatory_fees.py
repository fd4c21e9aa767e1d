"""US regulatory fees that brokers pass on to who sells shares: the SEC's and FINRA's.

Both are charged on sales only, short sales included, never on purchases. They are due by trade date; a fill's
UTC date is that of New York in all regular and late sessions up to 19:00. One order counts as one trade, so
that it costs the same in one fill or in ten; its first fill decides the rate.

**SEC fee.** Section 31 of the Securities Exchange Act of 1934 (15 U.S.C. 78ee), 17 CFR 240.31: a rate on the
value of sales. The Commission sets it by order for each fiscal year, effective 30 days after its
appropriation is enacted (60 days since fiscal year 2012), and until 2012 adjusted it in mid-year on April 1.

**FINRA Trading Activity Fee.** FINRA By-Laws, Schedule A, Section 1(b): a rate on the number of shares sold,
with a maximum per trade; none where the price of a share is below the rate per share.

Neither rule says how a broker rounds what it passes on: `exact` leaves that to the ledger, `up_to_cent`
rounds each fee up to the next cent, which is the usual practice of US retail brokers and, for an order of
many fills, no more than what they would charge.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date
from decimal import ROUND_UP, Decimal
from typing import Final

from qtrader.events.vocabulary import Side
from qtrader.money import ZERO

_MILLION: Final = Decimal(1_000_000)
_CENT: Final = Decimal("0.01")

#: Dollars per million dollars of sales, by first trade date. Dates and rates were compared with FINRA's
#: information notices and the SEC's fee rate advisories, or published copies of them. For these rows the
#: rate was found there and the date follows from the statute (appropriation enacted plus 30 or 60 days, or
#: April 1): 2007-03-17, 2008-01-25, 2009-04-10, 2010-04-01, 2012-04-01, 2013-05-25, 2016-02-16, 2017-07-04,
#: 2023-02-27, 2024-05-22. For 2012-02-21, 2015-02-14 and 2022-05-14 the date follows so too, and the rate was
#: not found in any document at hand. Before the first change the statute's 1/300 of one percent held.
SEC_FEE_PER_MILLION: Final[tuple[tuple[date, Decimal], ...]] = tuple(
    (date.fromisoformat(day), Decimal(rate))
    for day, rate in (
        ("0001-01-01", "33.33333333"),
        ("2001-12-28", "15.00"),
        ("2002-04-01", "30.10"),
        ("2003-03-22", "25.20"),
        ("2003-04-01", "46.80"),
        ("2004-02-22", "39.00"),
        ("2004-04-01", "23.40"),
        ("2005-01-07", "32.90"),
        ("2005-04-01", "41.80"),
        ("2005-12-22", "30.70"),
        ("2007-03-17", "15.30"),
        ("2008-01-25", "11.00"),
        ("2008-04-01", "5.60"),
        ("2009-04-10", "25.70"),
        ("2010-01-15", "12.70"),
        ("2010-04-01", "16.90"),
        ("2011-01-21", "19.20"),
        ("2012-02-21", "18.00"),
        ("2012-04-01", "22.40"),
        ("2013-05-25", "17.40"),
        ("2014-03-18", "22.10"),
        ("2015-02-14", "18.40"),
        ("2016-02-16", "21.80"),
        ("2017-07-04", "23.10"),
        ("2018-05-22", "13.00"),
        ("2019-04-16", "20.70"),
        ("2020-02-18", "22.10"),
        ("2021-02-25", "5.10"),
        ("2022-05-14", "22.90"),
        ("2023-02-27", "8.00"),
        ("2024-05-22", "27.80"),
        ("2025-05-14", "0"),
        ("2026-04-04", "20.60"),
    )
)

#: Dollars per share and the most per trade, by first trade date. Sources: NASD announcement of 2002-10-17
#: (initial rate), Notices to Members 03-43 and 04-84, Regulatory Notices 11-27 and 12-06, Federal Register
#: 77-91 (2012-05-10), SR-FINRA-2020-032 and SR-FINRA-2024-019. Between October 2002 and August 2003 the rate
#: was lower for a time that could not be determined; the initial rate, which is the one from September 2003
#: on as well, is taken throughout. The dates and maximums from 2012-07-01 on, and the rate of 2022, were not
#: found in a document at hand.
FINRA_TAF: Final[tuple[tuple[date, Decimal, Decimal], ...]] = tuple(
    (date.fromisoformat(day), Decimal(rate), Decimal(most))
    for day, rate, most in (
        ("0001-01-01", "0", "0"),
        ("2002-10-01", "0.0001", "10.00"),
        ("2004-11-01", "0.000075", "3.75"),
        ("2011-07-01", "0.000090", "4.50"),
        ("2012-03-01", "0.000095", "4.75"),
        ("2012-07-01", "0.000119", "5.95"),
        ("2022-01-01", "0.000130", "6.49"),
        ("2023-01-01", "0.000145", "7.27"),
        ("2024-01-01", "0.000166", "8.30"),
        ("2026-01-01", "0.000195", "9.79"),
    )
)

_SEC_DAYS: Final = tuple(row[0] for row in SEC_FEE_PER_MILLION)
_TAF_DAYS: Final = tuple(row[0] for row in FINRA_TAF)


def sec_fee(side: Side, value: Decimal, traded_on: date) -> Decimal:
    """Return the SEC's fee on a trade, unrounded; after the table's last date its last rate holds.

    Args:
        side: which way was traded; a purchase costs nothing.
        value: quantity times price, in US dollars.
        traded_on: the trade date.
    """
    if side is not Side.SELL:
        return ZERO
    rate = SEC_FEE_PER_MILLION[bisect_right(_SEC_DAYS, traded_on) - 1][1]
    return value * rate / _MILLION


def finra_taf(side: Side, quantity: Decimal, value: Decimal, traded_on: date) -> Decimal:
    """Return FINRA's Trading Activity Fee on a trade, unrounded; after the last date the last rate holds.

    Args:
        side: which way was traded; a purchase costs nothing.
        quantity: shares.
        value: quantity times price, in US dollars.
        traded_on: the trade date.
    """
    if side is not Side.SELL:
        return ZERO
    _, rate, most = FINRA_TAF[bisect_right(_TAF_DAYS, traded_on) - 1]
    # A mean price below the rate per share means that the fee would be more than the sale.
    return ZERO if value < quantity * rate else min(quantity * rate, most)


def us_regulatory_fees(
    side: Side, quantity: Decimal, value: Decimal, traded_on: date, *, up_to_cent: bool
) -> Decimal:
    """Return both fees of a trade, each rounded up to the cent where that is asked for."""
    fees = (sec_fee(side, value, traded_on), finra_taf(side, quantity, value, traded_on))
    if up_to_cent:
        fees = (fees[0].quantize(_CENT, ROUND_UP), fees[1].quantize(_CENT, ROUND_UP))
    return fees[0] + fees[1]
