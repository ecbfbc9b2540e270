"""Types of single settings: durations, sizes, retry schedules, paths, networks and addresses, each with its own words for a wrong value."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr, StringConstraints, ValidationInfo, WithJsonSchema

from ..ownership import identity

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
BYTES = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
LONGEST = 10 * 366 * SECONDS["d"]  # ten years: what is longer is a slip of the finger
MOST_WORKERS = 256
REPEATS = 1000  # of one step in a retry schedule
SHORTEST_SECRET = 16  # characters

DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(|B|KB|MB|GB)", re.IGNORECASE)
WORD = r"(?:[^\s@/%]|%[0-9A-Fa-f]{2})*"  # user:password; what libpq would read otherwise than it is meant has to be %XX
HOST = r"(?:\[[^\s@/\[\]]+\]|(?:[^\s@/?:,%\[\]]|%[0-9A-Fa-f]{2})*)(?::\d{0,5})?"
POSTGRESQL = re.compile(rf"postgres(?:ql)?://(?=.)(?:{WORD}@)?{HOST}(?:,{HOST})*(?:/[^\s?@/]*)?(?:\?\S*)?")
STEP = re.compile(r"(.+?)\s*(?:\*\s*(\d+))?")
ACCESS_WORDS = ("loopback", "local_networks", "routers", "any")


def parse_duration(value: object) -> float:
    """Seconds of "30s", "5m", "1.5h"; a float passes. Raises ValueError with what is allowed."""
    if isinstance(value, float):  # a default of the code, already in seconds
        return value
    match = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration with its unit is expected, such as 30s, 5m, 2h or 3d")
    seconds = float(match[1]) * SECONDS[match[2]]
    if seconds > LONGEST:
        raise ValueError("a duration of at most ten years is expected")
    return seconds


def positive(seconds: float) -> float:
    """The duration itself; raises ValueError when it is nothing, because no time-out may be switched off."""
    if seconds <= 0:
        raise ValueError("a duration longer than 0 is expected")
    return seconds


def parse_size(value: object) -> int:
    """Bytes of "10MB", "512KB" or a plain number (KB is 1024 bytes). Raises ValueError with what is allowed."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    size = int(float(match[1]) * BYTES[match[2].upper()]) if match else 0
    if size <= 0:
        raise ValueError("a size above 0 is expected, such as 512KB, 10MB or 1GB")
    return size


def parse_schedule(value: object) -> tuple[float, ...]:
    """Seconds between attempts of "1m, 5m*2, 15m" (or a list of such steps). Raises ValueError with what is allowed."""
    if isinstance(value, tuple):
        return value
    steps = [step.strip() for step in value.split(",")] if isinstance(value, str) else value
    if not isinstance(steps, list) or not steps:
        raise ValueError("a schedule of waiting times is expected, such as 1m, 5m*2, 15m, 1h*6")
    return tuple(seconds for step in steps for seconds in _step(str(step)))


def _step(step: str) -> list[float]:
    match = STEP.fullmatch(step)
    times = int(match[2] or 1) if match else 0
    try:
        seconds = positive(parse_duration(match[1] if match else ""))
    except ValueError:
        raise ValueError(f"{step!r} is no step of a schedule; steps are such as 5m or 1h*6") from None
    if not 1 <= times <= REPEATS:
        raise ValueError(f"{step!r} repeats too often or never: a step may be repeated 1 to {REPEATS} times")
    return [seconds] * times


def resolve(path: Path, info: ValidationInfo) -> Path:
    """The path made absolute: relative ones count from the folder of the configuration file."""
    base: Path = (info.context or {}).get("base", Path())
    return (base / path.expanduser()).absolute()


def existing_file(path: Path) -> Path:
    """The path itself; raises ValueError when it is not a readable file."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"the file {path} cannot be read: {error.strerror}") from None
    return path


def existing_folder(path: Path) -> Path:
    """The path itself; raises ValueError when it is not a folder."""
    if not path.is_dir():
        raise ValueError(f"{path} is not a folder")
    return path


def parse_network(value: object) -> str:
    """An IP address or network as "192.0.2.0/24" in its canonical form. Raises ValueError with what is allowed."""
    try:
        return str(ipaddress.ip_network(str(value).strip(), strict=False))
    except ValueError:
        raise ValueError("an IP address or a network is expected, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32") from None


def parse_sources(value: object) -> tuple[str, ...]:
    """Whom an access rule means: words, addresses and networks, one or a list. Raises ValueError with what is allowed."""
    items = list(value) if isinstance(value, list | tuple) else [value]
    if not items:
        raise ValueError(f"at least one of {', '.join(ACCESS_WORDS)}, an IP address or a network is expected")
    return tuple(_source(item) for item in items)


def _source(item: object) -> str:
    if item in ACCESS_WORDS:
        return str(item)
    try:
        return parse_network(item)
    except ValueError:
        allowed = ", ".join(ACCESS_WORDS)
        raise ValueError(f"{str(item)!r} is none of {allowed}, an IP address, or a network such as 10.0.0.0/8") from None


def processors() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0))


def parse_workers(value: object) -> int:
    """The number of worker processes that "auto" or a number means. Raises ValueError with what is allowed."""
    if value == "auto":
        return processors()
    count = int(value) if isinstance(value, int | str) and str(value).isdecimal() else 0
    if not 1 <= count <= MOST_WORKERS:
        raise ValueError(f"auto or a number from 1 to {MOST_WORKERS} is expected")
    return count


def database_url(url: str) -> str:
    """The URL itself; raises ValueError, which does not repeat it because it may hold a password."""
    if re.match(r"sqlite:///.", url) or POSTGRESQL.fullmatch(url):
        return url
    how = (
        "; in user and password the characters @ / % and spaces are written %40 %2F %25 %20" if re.match(r"postgres(ql)?://.", url) else ""
    )
    raise ValueError(f"sqlite:///PATH or postgresql://user:password@host:5432/name is expected{how}")


def system_user(text: str) -> str:
    """``user`` or ``user:group`` itself; raises ValueError when it is neither, or this machine does not know it."""
    if not re.fullmatch(r"[^:\s]+(:[^:\s]+)?", text):
        raise ValueError("a user of this machine is expected, user or user:group")
    try:
        identity(text)
    except KeyError:
        raise ValueError(f"there is no user or group {text} on this machine; make it, or name another one") from None
    return text


def folder_name(text: str) -> str:
    """The path of a folder itself; raises ValueError when no mail client could ask for it."""
    if any(character in "%*" or not character.isprintable() for character in text) or not all(text.split("/")):
        raise ValueError("the path of a folder is expected, such as Work or Lists/News, without * and %")
    return text


def long_secret(secret: SecretStr) -> SecretStr:
    """The secret itself; raises ValueError when somebody who sees what is made with it could guess it."""
    if len(secret.get_secret_value().strip()) < SHORTEST_SECRET:
        raise ValueError(f"must have at least {SHORTEST_SECRET} characters: strangers see what is made with it, and may try words")
    return secret


def text_of(value: Any) -> Any:
    """A number written without quotes as the text that was meant (5.2 is the version "5.2")."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _text_schema(example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "examples": [example]})


Duration = Annotated[float, BeforeValidator(parse_duration), AfterValidator(positive), _text_schema("5m")]  # seconds
Size = Annotated[int, BeforeValidator(parse_size), WithJsonSchema({"type": ["string", "integer"], "examples": ["10MB"]})]  # bytes
Pause = Annotated[float, BeforeValidator(parse_duration), _text_schema("5s")]  # seconds; may be 0s
Retention = Annotated[float, BeforeValidator(parse_duration), _text_schema("72h")]  # seconds; 0s keeps nothing
RetrySchedule = Annotated[
    tuple[float, ...],  # seconds between an attempt and the next
    BeforeValidator(parse_schedule),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}], "examples": ["1m, 5m*2, 1h*6"]}),
]
Workers = Annotated[int, BeforeValidator(parse_workers), WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}]})]
ConfigPath = Annotated[Path, AfterValidator(resolve)]  # absolute after validation
ExistingFile = Annotated[ConfigPath, AfterValidator(existing_file)]
ExistingFolder = Annotated[ConfigPath, AfterValidator(existing_folder)]
Network = Annotated[str, BeforeValidator(parse_network), _text_schema("10.0.0.0/8")]
Sources = Annotated[
    tuple[str, ...],
    BeforeValidator(parse_sources),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}], "examples": ["loopback"]}),
]
DatabaseUrl = Annotated[str, AfterValidator(database_url)]
SystemUser = Annotated[str, AfterValidator(system_user)]
Secret = SecretStr  # shown as ****** wherever it is printed
LongSecret = Annotated[SecretStr, AfterValidator(long_secret)]
FolderName = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(folder_name)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
