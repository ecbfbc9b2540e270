"""Types, bounds and defaults of settings in the words of an administrator."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from postroom.config.wording import duration

# What a validator makes of a value says more than the Python type; by the name of its function.
KINDS = {
    "parse_duration": "duration",
    "parse_size": "size",
    "parse_schedule": "retry schedule",
    "parse_workers": "`auto` or a number",
    "parse_network": "IP address or network",
    "parse_sources": "word, IP address, network, or a list of these",
    "parse_name_server": "DNS server, `ip` or `ip:port`",
    "database_url": "database URL",
    "system_user": "`user` or `user:group`",
    "check_listen": "address to listen on",
    "checked_server": "server, `host` or `host:port`",
    "host_name": "host name",
    "existing_file": "file that exists",
    "existing_folder": "folder that exists",
    "allowed_url": "https URL",
    "parse_filter": "domain filter, lines",
    "parse_overrides": "DNS overrides, lines",
    "parse_addresses": "addresses, lines",
    "parse_smtp_target": "target, `SMTP:address@server`",
    "rewriting": "`*@domain` or address",
    "parse_zone": "time zone",
    "parse_connections": "name, `default`, `deny`, or a list of names",
    "parse_days": "days",
    "parse_ranges": "range of times, or a list",
    "parse_times": "time of day, or a list",
    "read_templates": "YAML file",
    "resolve": "path",
}
PLAIN = {str: "text", int: "number", float: "number", bool: "`true` or `false`", Path: "path", SecretStr: "secret", type(None): "null"}
SIZES = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB"))


def kind_of(field: FieldInfo) -> str:
    """The type of a setting with its bounds: "number, 1 to 1000"."""
    kind = _kind(field.annotation, field.metadata)
    bounds = {name: getattr(item, name) for item in field.metadata for name in ("ge", "le") if hasattr(item, name)}
    show: Callable[[Any], str] = duration if kind == "duration" else str
    if {"ge", "le"} <= set(bounds):
        return f"{kind}, {show(bounds['ge'])} to {show(bounds['le'])}"
    if "ge" in bounds:
        return f"{kind}, at least {show(bounds['ge'])}"
    return kind


def _kind(annotation: Any, metadata: list[Any] | tuple[Any, ...] = ()) -> str:
    validators = [getattr(getattr(item, "func", None), "__name__", "") for item in metadata]
    for known in (KINDS[name] for name in reversed(validators) if name in KINDS):
        return known
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _kind(inner, more)
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(f"`{word}`" for word in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_kind(part) for part in get_args(annotation))
    if get_origin(annotation) is list:
        return f"list: {_kind(get_args(annotation)[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    if get_origin(annotation) is dict:
        return "sections by name"
    return PLAIN[annotation]


def default_of(field: FieldInfo) -> str:
    """The default as it would stand in config.yaml; "required" when there is none."""
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default" in extra:
        return f"`{extra['default']}`"
    if field.default_factory is not None:
        return ""  # a section or list of sections: its own settings have their defaults
    if field.default is PydanticUndefined:
        return "required"
    return _value(field.default, kind_of(field).partition(",")[0])


def _value(value: Any, kind: str) -> str:
    if value is None:
        return "`null`"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if kind == "duration":
        return f"`{duration(value)}`"
    if kind == "size":
        return f"`{size(value)}`"
    if kind == "retry schedule":
        return f"`{schedule(value)}`"
    if isinstance(value, list) and any(isinstance(item, BaseModel) for item in value):
        return "see below"
    if isinstance(value, list | tuple):
        return "`[" + ", ".join(str(item) for item in value) + "]`"
    return f"`{value}`" if str(value) else '`""`'


def size(count: int) -> str:
    """``50MB``: the largest unit that leaves no fraction."""
    return next((f"{count // unit}{name}" for unit, name in SIZES if count % unit == 0), str(count))


def schedule(steps: tuple[float, ...]) -> str:
    """``1m, 5m*2``: equal steps in a row are counted."""
    runs: list[tuple[float, int]] = []
    for step in steps:
        count = runs.pop()[1] + 1 if runs and runs[-1][0] == step else 1
        runs.append((step, count))
    return ", ".join(duration(step) + (f"*{count}" if count > 1 else "") for step, count in runs)
