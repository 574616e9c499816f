"""Check digits: what tells a card or an account number from any other number."""

from __future__ import annotations

import re
from typing import Final

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

IBAN_LENGTHS: Final = {
    item[:2]: int(item[2:])
    for item in [
        "AD24",
        "AE23",
        "AL28",
        "AT20",
        "AZ28",
        "BA20",
        "BE16",
        "BG22",
        "BH22",
        "BI27",
        "BR29",
        "BY28",
        "CH21",
        "CR22",
        "CY28",
        "CZ24",
        "DE22",
        "DJ27",
        "DK18",
        "DO28",
        "EE20",
        "EG29",
        "ES24",
        "FI18",
        "FK18",
        "FO18",
        "FR27",
        "GB22",
        "GE22",
        "GI23",
        "GL18",
        "GR27",
        "GT28",
        "HR21",
        "HU28",
        "IE22",
        "IL23",
        "IQ23",
        "IS26",
        "IT27",
        "JO30",
        "KW30",
        "KZ20",
        "LB28",
        "LC32",
        "LI21",
        "LT20",
        "LU20",
        "LV21",
        "LY25",
        "MC27",
        "MD24",
        "ME22",
        "MK19",
        "MN20",
        "MR27",
        "MT31",
        "MU30",
        "NI28",
        "NL18",
        "NO15",
        "OM23",
        "PK24",
        "PL28",
        "PS29",
        "PT25",
        "QA29",
        "RO24",
        "RS22",
        "RU33",
        "SA24",
        "SC31",
        "SD18",
        "SE24",
        "SI19",
        "SK24",
        "SM27",
        "SO23",
        "ST25",
        "SV28",
        "TL23",
        "TN24",
        "TR26",
        "UA29",
        "VA22",
        "VG24",
        "XK20",
        "YE30",
    ]
}
"""Characters of an account number by country (ISO 13616, the registry of SWIFT)."""

# Issuer prefixes with their lengths (ISO/IEC 7812; the ranges that card networks publish).
_ISSUERS: Final = tuple(
    (re.compile(prefix), lengths)
    for prefix, lengths in (
        (r"4", {13, 16, 19}),  # Visa
        (r"5[1-5]|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)", {16}),  # Mastercard
        (r"3[47]", {15}),  # American Express
        (r"3(?:0[0-5]|095|[689])", {14, 15, 16, 17, 18, 19}),  # Diners
        (r"6011|64[4-9]|65", {16, 17, 18, 19}),  # Discover
        (r"35", {16, 17, 18, 19}),  # JCB
        (r"1800|2131", {15}),  # JCB, old
        (r"62|81", {16, 17, 18, 19}),  # UnionPay
        (r"5[06-9]|6[0-9]", {12, 13, 14, 15, 16, 17, 18, 19}),  # Maestro
        (r"220[0-4]", {16, 17, 18, 19}),  # Mir
        (r"9792", {16}),  # Troy
    )
)


def luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = sum(map(int, digits[-1::-2])) + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0


def issued(digits: str) -> bool:
    """Tell whether a card network hands out numbers of this beginning and length."""
    return any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in _ISSUERS)


def iban_shape(text: str) -> bool:
    """Tell whether upper-case letters and digits have the country and the length of an account number."""
    return IBAN_LENGTHS.get(text[:2]) == len(text) and text[2:4].isdigit()


def mod97(text: str) -> bool:
    """Tell whether the check digits of an account number hold (ISO 7064, MOD 97-10)."""
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1
