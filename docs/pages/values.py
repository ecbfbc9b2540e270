"""The page of the values that hooks take and answer, and of the context that a plugin is handed."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from enum import EnumMeta
from typing import Any

import postroom
from postroom import context, provided
from postroom.mail import sending
from postroom.mail.message import Message
from postroom.sending.lan_rules import LanRule

from .hooks import plain

GIVEN = [postroom.Client, postroom.TlsDetails, postroom.Envelope, postroom.Recipient, Message, postroom.ListResult]
ANSWERED = [postroom.Verdict, postroom.Action, postroom.Reply, postroom.Route, postroom.ToMailbox, postroom.ToQueue, postroom.Discard]
ANSWERED += [postroom.Refuse, postroom.Delivered, postroom.TryLater, postroom.Failed]
PROVIDED = [provided.Service, provided.Sender, provided.Outgoing, provided.QueuedRecipient, provided.Job]
SENDING = [sending.QueuePlan, sending.AttemptPlan, sending.ServerChoice, sending.MxServer, sending.ServerVerdict]
SENDING += [sending.SessionBounds, sending.LanForwarding, LanRule]
GROUPS: list[tuple[str, list[Any]]] = [
    ("What hooks are given", GIVEN),
    ("What hooks answer", ANSWERED),
    ("What hooks of sending are given and answer", SENDING),
    ("What providers describe", PROVIDED),
    ("What a plugin is handed", [context.Context]),
]
FIELD = re.compile(r"^ {4}(\w+): (.+?)(?: = (.+?))?(?:  # (.+))?$", re.MULTILINE)
MEMBER = re.compile(r"^ {4}([A-Z]+) = (\d+)  # (.+)$", re.MULTILINE)
INTRODUCTION = """# The values of the hooks

Made from the code by `make docs`; do not edit it. What stands in `from postroom import …` is listed in `postroom.__all__`; other
modules are named here.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for title, classes in GROUPS:
        parts.append(f"## {title}\n")
        parts.extend(entry(one) for one in classes)
    return "\n".join(parts)


def entry(cls: Any) -> str:
    """One class: where it is from, what it is, its fields, properties and methods."""
    module = "postroom" if cls.__name__ in postroom.__all__ else cls.__module__
    parts = [f"### {cls.__name__}\n", f"`from {module} import {cls.__name__}`. {_doc(cls)}\n"]
    if isinstance(cls, EnumMeta):
        parts += [*(f"- `{match[1]}`: {match[3]}" for match in MEMBER.finditer(inspect.getsource(cls))), ""]
    if rows := _fields(cls):
        parts += ["| field | type | default | meaning |", "|---|---|---|---|", *rows, ""]
    parts += [f"- `{name}`: {text}" for name, text in _methods(cls)]
    return "\n".join(parts) + ("\n" if parts[-1] else "")


def _fields(cls: Any) -> list[str]:
    source = inspect.getsource(cls)
    if not is_dataclass(cls):
        return []
    names = {field.name for field in fields(cls)}
    found = [match for match in FIELD.finditer(source) if match[1] in names]
    return [f"| `{m[1]}` | `{_cell(m[2])}` | {_default(m[3])} | {_cell(m[4] or '')} |" for m in found]


def _default(text: str | None) -> str:
    if text is None:
        return ""
    factory = re.search(r"default_factory=(\w+)", text)
    return f"`{ {'list': '[]', 'dict': '{}'}[factory[1]] if factory else text }`".replace("` ", "`")


def _methods(cls: Any) -> list[tuple[str, str]]:
    found = []
    for name, thing in vars(cls).items():
        function = getattr(thing, "__func__", None) or getattr(thing, "func", None) or getattr(thing, "fget", None) or thing
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        is_value = not inspect.isfunction(thing) and not isinstance(thing, classmethod)
        found.append((name if is_value else f"{name}{_parameters(function)}", _doc(function)))
    return found


def _parameters(function: Any) -> str:
    signature = inspect.signature(function)
    kept = [parameter for name, parameter in signature.parameters.items() if name not in ("self", "cls")]
    return plain(signature.replace(parameters=kept))


def _doc(thing: Any) -> str:
    return " ".join((inspect.getdoc(thing) or "").replace("``", "`").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
