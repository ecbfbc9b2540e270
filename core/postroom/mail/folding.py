"""Text compared without regard to case and spelling: the collation i;unicode-casemap (RFC 5051), which I18NLEVEL=1 means (RFC 5255 4.2).

RFC 5051 turns each character into title case and decomposes it. Here full case folding is used instead of the simple mapping, so that
"STRASSE" is found in "Straße"; then capitals, so that "_" sorts behind letters as the RFC has it; and compatibility decomposition, so
that the ligature "ﬁ" and full-width letters match plain ones. Accents are kept: "e" is found in "é" because that is "e" and an accent,
"é" is not found in "e".
"""

from __future__ import annotations

from unicodedata import normalize


def fold(text: str) -> str:
    """The form in which texts that mean the same are equal, are found in one another, and sort; folding it again changes nothing."""
    if text.isascii():
        return text.upper()
    folded = normalize("NFKD", normalize("NFKD", text).casefold()).upper()
    return normalize("NFKD", folded)
