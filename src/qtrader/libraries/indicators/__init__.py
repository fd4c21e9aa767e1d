"""Technical indicators, each in two forms that agree to the last bit.

A class takes one value at a time (`update`, `update_bar`); a function of the same name in lower case takes a
whole column and returns one of the same length, NaN while warming up. Both forms do the same floating-point
operations in the same order, so a decision made on columns is the decision made bar by bar. Both equal TA-Lib
within 1e-9 of the price.

Inputs are finite by contract: the tape refuses bars that are not, so `update` does not look again; the column
functions refuse a row that is not finite, and name it.
"""

from __future__ import annotations

from qtrader.libraries.indicators.atr import ATR, atr
from qtrader.libraries.indicators.base import Indicator
from qtrader.libraries.indicators.bollinger import (
    BollingerBands,
    BollingerColumns,
    BollingerValue,
    bollinger_bands,
)
from qtrader.libraries.indicators.ema import EMA, ema
from qtrader.libraries.indicators.inputs import BarLike, IndicatorError
from qtrader.libraries.indicators.macd import MACD, MACDColumns, MACDValue, macd
from qtrader.libraries.indicators.rsi import RSI, rsi
from qtrader.libraries.indicators.sma import SMA, sma

__all__ = [
    "ATR",
    "EMA",
    "MACD",
    "RSI",
    "SMA",
    "BarLike",
    "BollingerBands",
    "BollingerColumns",
    "BollingerValue",
    "Indicator",
    "IndicatorError",
    "MACDColumns",
    "MACDValue",
    "atr",
    "bollinger_bands",
    "ema",
    "macd",
    "rsi",
    "sma",
]
