"""SASLprep: the one form in which names and passwords are compared (RFC 4013 over stringprep, RFC 3454)."""

from __future__ import annotations

import stringprep
import unicodedata

PROHIBITED = (  # RFC 4013 section 2.3
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str) -> str:
    """``text`` prepared as a query string (unassigned code points stay). Raises ValueError for what RFC 4013 prohibits."""
    if text.isascii():
        if text.isprintable():
            return text  # nothing in printable ASCII is mapped or prohibited
        raise ValueError("control character")
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in text
        if not stringprep.in_table_b1(character)  # RFC 4013 2.1
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)  # stringprep is frozen at Unicode 3.2
    if any(prohibited(character) for character in prepared for prohibited in PROHIBITED):
        raise ValueError("prohibited character")
    _check_direction(prepared)
    return prepared


def prepared_password(password: str) -> str:
    """The prepared password, or the password itself where SASLprep does not apply (as other SCRAM servers do)."""
    try:
        return saslprep(password) or password
    except ValueError:
        return password


def _check_direction(text: str) -> None:
    """RFC 3454 section 6: right-to-left text stands alone and is right-to-left at both ends."""
    if not any(map(stringprep.in_table_d1, text)):
        return
    if any(map(stringprep.in_table_d2, text)):
        raise ValueError("mixed directions")
    if not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
        raise ValueError("right-to-left text with a left-to-right end")
