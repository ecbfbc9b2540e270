"""The time zone of schedules: the one that is configured, or the system's."""

from __future__ import annotations

import os
import zoneinfo
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .wording import nearest

LOCALTIME = Path("/etc/localtime")
WANTED = "the name of a time zone is expected, such as Europe/Berlin or UTC"


def named(name: str) -> ZoneInfo:
    """The zone of that name. Raises ValueError, with a name that is close to it."""
    try:
        return ZoneInfo(name.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "Europe" is a folder
        close = nearest(name.strip(), sorted(zoneinfo.available_timezones()))
        raise ValueError(WANTED + (close if "did you mean" in close else "")) from None


def of_system(localtime: Path = LOCALTIME) -> tzinfo:
    """The zone of this machine: by the variable TZ, else by /etc/localtime, else UTC."""
    wanted = os.environ.get("TZ", "").removeprefix(":")
    if wanted:
        try:
            return named(wanted)
        except ValueError:
            return UTC
    try:
        _, found, name = str(localtime.resolve(strict=True)).rpartition("/zoneinfo/")
        if found:
            return named(name)
        with localtime.open("rb") as file:
            return ZoneInfo.from_file(file, key="localtime")
    except (OSError, ValueError):
        return UTC
