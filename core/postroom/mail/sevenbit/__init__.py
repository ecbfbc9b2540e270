"""A message made 7-bit for servers without 8BITMIME or BINARYMIME (RFC 6152 section 3, RFC 3030 section 3). No I/O and no clock."""

from .conversion import Conversion, plan
from .refusing import Unconvertible

__all__ = ["Conversion", "Unconvertible", "plan"]
