"""ARC (RFC 8617): validating the chain of those who passed a message on, and adding a link to it. No I/O and no clock."""

from .chain import Chain, key_names, validate
from .results import authentication_results
from .sealing import seal
from .sets import MOST_SETS

__all__ = ["MOST_SETS", "Chain", "authentication_results", "key_names", "seal", "validate"]
