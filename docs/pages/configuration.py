"""The page of all settings: of the core, and of every bundled plugin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from postroom.config.schema import Config

from .bundled import modules
from .words import default_of, kind_of

INTRODUCTION = """# Configuration reference

Made from the code by `make docs`; do not edit it. A commented `config.yaml` that starts as it is lies at the top of the tree;
`postroom check` says whether yours is right, and `postroom check --schema` prints a JSON Schema for your editor.

- An unknown key is an error. All problems are told at once, each with file, line and column.
- **Duration**: a number with `ms`, `s`, `m`, `h`, `d` or `w`: `30s`, `5m`, `1.5h`. **Size**: bytes, or a number with `KB`, `MB` or `GB`
  (1 KB is 1024 bytes). **Retry schedule**: durations with repetitions, `1m, 5m*2, 1h`.
- **Secret**: write it as `!env NAME` (an environment variable) or `!file PATH` (a whole file without its last line end) to keep it out
  of the configuration; any setting may be written so. Secrets are never printed.
- Relative paths count from the folder of the configuration file.
- `items[]` in a path stands for each entry of a list.
"""


@dataclass(frozen=True)
class Setting:
    """One key of config.yaml."""

    path: str  # "server.hostname", "plugins.smtp_server.services[].id"
    kind: str
    default: str
    meaning: str


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for name, field in Config.model_fields.items():
        model = _model(field.annotation)
        parts.append(f"## {name}\n\n{_sentence(field.description or _doc(model))}\n")
        if model is not None:
            parts.append(table(settings(model, f"{name}[]" if _is_list(field.annotation) else name)))
        if name == "plugins":
            parts.extend(_plugin(plugin, module) for plugin, module in modules().items())
    return "\n".join(parts)


def everything() -> list[Setting]:
    """Every setting there is, for tests."""
    core = [one for name, field in Config.model_fields.items() if (model := _model(field.annotation)) for one in settings(model, name)]
    return core + [one for name, module in modules().items() for one in settings(module.Settings, f"plugins.{name}")]


def settings(model: type[BaseModel], path: str) -> Iterator[Setting]:
    """The settings of a section, those of sections in it after them."""
    inner: list[tuple[type[BaseModel], str]] = []
    for name, field in model.model_fields.items():
        part = _model(field.annotation)
        yield Setting(f"{path}.{name}", kind_of(field), default_of(field), _description(model, name))
        if part is not None and part not in model.__mro__:
            inner.append((part, f"{path}.{name}[]" if _is_list(field.annotation) else f"{path}.{name}"))
    for part, where in inner:
        yield from settings(part, where)


def table(rows: Iterator[Setting]) -> str:
    """The rows as a table."""
    lines = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{row.path}` | {row.kind} | {row.default} | {row.meaning} |".replace("||", "| |") for row in rows]
    return "\n".join(lines) + "\n"


def _plugin(name: str, module: Any) -> str:
    rows = table(settings(module.Settings, f"plugins.{name}"))
    services = [text for field in module.Settings.model_fields.values() for text in _services(field)]
    usual = ["Without a list of services it has:\n", *(f"- {text}" for text in services), ""] if services else []
    return "\n".join([f"### plugins.{name}\n", f"{_sentence(_doc(module))}\n", *usual, rows])


def _services(field: FieldInfo) -> Iterator[str]:
    default = field.get_default(call_default_factory=True, validated_data={})
    for item in default if isinstance(default, list) else ():
        if isinstance(item, BaseModel) and {"id", "listen"} <= set(type(item).model_fields):
            given = {key: value for key, value in item if key in item.model_fields_set}
            if given:
                yield "`{" + ", ".join(f"{key}: {_plain(value)}" for key, value in given.items()) + "}`"


def _plain(value: object) -> str:
    return "[" + ", ".join(f'"{item}"' for item in value) + "]" if isinstance(value, list) else str(value)


def _description(model: type[BaseModel], name: str) -> str:
    """The description of a setting; a class that only changes a default leaves it to its base."""
    for base in model.__mro__:
        field = base.model_fields.get(name) if issubclass(base, BaseModel) and base is not BaseModel else None
        if field is not None and field.description:
            return _sentence(field.description)
    part = _model(model.model_fields[name].annotation)
    return _sentence(_doc(part)) if part is not None else ""


def _sentence(text: str) -> str:
    text = " ".join(text.split()).replace("``", "`").replace("|", "\\|")
    return text if not text or text.endswith((".", ")")) else text + "."


def _doc(thing: Any) -> str:
    return (thing.__doc__ or "").strip().split("\n\n")[0] if thing is not None else ""


def _model(annotation: Any) -> type[BaseModel] | None:
    """The section that a setting holds, or a list of which it holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model(part)) is not None), None)


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is list
