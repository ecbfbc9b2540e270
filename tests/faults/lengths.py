"""How long the fault tests go on: a short form for every test run, a long one for `make faults`."""

from __future__ import annotations

import os

LONG = os.environ.get("POSTROOM_FAULTS") == "long"


def rounds(short: int, long: int) -> int:
    """How often something is done."""
    return long if LONG else short
