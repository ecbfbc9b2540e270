"""How long the fault tests go on: a short form for every test run, a long one for `make faults`."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

LONG = os.environ.get("POSTROOM_FAULTS") == "long"


def rounds(short: T, long: T) -> T:
    """How often something is done, or what."""
    return long if LONG else short
