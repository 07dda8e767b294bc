"""Currencies and units that may stand beside a number."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["is_currency", "may_follow", "may_precede"]

CURRENCY_CODES = """
USD EUR GBP JPY CNY CHF CAD AUD NZD SEK NOK DKK PLN CZK HUF RON BGN TRY RUB UAH INR BRL MXN ZAR KRW SGD HKD ILS THB IDR
MYR PHP Fr. SFr. kr kr. Rs Rs. zł Kč Ft lei
"""
UNIT_NAMES = """
kg g mg µg μg t lb lbs oz st km m cm mm µm μm nm mi ft in yd km/h kmh mph m/s kn knots s sec secs ms min mins h hr hrs
d day days week weeks month months year years yr yrs hour hours minute minutes second seconds °C °F °K K C F ° deg rad
l L ml mL cl dl gal pt qt W kW MW GW kWh MWh GWh Wh J kJ MJ cal kcal eV V mV kV A mA Ah mAh Ω Hz kHz MHz GHz B kB KB
MB GB TB MiB GiB bit Pa hPa kPa MPa bar mbar psi atm dB dBm lm lx cd m2 m3 m² m³ cm2 cm3 cm² cm³ km2 km² mm2 mm² m^2
m^3 sqft sqm ft2 ft² ha acre acres ppm ppb mol mmol mol/l mmol/l mg/dl mg/l g/l g/dl µg/l µmol/l mmHg bpm rpm rps px
pts pcs people persons points kg/m2 kg/m² g/cm3 g/cm³ kg/m3 mpg cc ccm hp bhp PS Nm N kN inch inches feet miles
"""
CURRENCIES = frozenset(CURRENCY_CODES.split())
UNITS = frozenset(UNIT_NAMES.split()) | {"sq ft", "sq m", "per cent", "percent", "l/100 km", "l/100km"}
MANY = 20
"""Distinct numbers after which an unknown word is a unit and no name."""
JOINED = frozenset("mgshlL°")
PER_CENT = frozenset("%‰")
PRECEDING = re.compile(r"[A-Z]{0,3}\s?\S")


def is_currency(mark: str) -> bool:
    """Whether a mark is that of a currency.

    Example:
        >>> is_currency("US$"), is_currency("EUR"), is_currency("A")
        (True, True, False)
    """
    return mark in CURRENCIES or (PRECEDING.fullmatch(mark) is not None and unicodedata.category(mark[-1]) == "Sc")


def may_precede(mark: str) -> bool:
    """Whether a mark before a number is no part of a code."""
    return is_currency(mark)


def may_follow(mark: str, joined: bool, distinct: int) -> bool:
    """Whether a mark after a number is no part of a code.

    Args:
        mark: the mark, without blanks around it.
        joined: whether it follows the digits without a blank.
        distinct: distinct values of the column; an unknown word after many different numbers is a unit.

    Example:
        >>> may_follow("kg", True, 3), may_follow("A", True, 3), may_follow("doors", False, 3)
        (True, False, False)
    """
    if mark in PER_CENT or is_currency(mark):
        return True
    if joined and len(mark) == 1:
        return mark in JOINED
    word = re.fullmatch(r"[^\W\d_]+\.?", mark) is not None
    return mark in UNITS or (word and not joined and distinct > MANY)
