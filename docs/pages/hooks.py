"""The page of all hooks, in the order in which ``hookspecs`` has them."""

from __future__ import annotations

import inspect
import re

from postroom import hookspecs

from .bundled import modules

GROUP = re.compile(r"^# --- (.+?) -+$", re.MULTILINE)
QUOTED = re.compile(r"(: |-> )'([^']*)'")
INTRODUCTION = """# Hook reference

Made from `core/postroom/hookspecs/` by `make docs`; do not edit it. [writing-a-plugin.md](../writing-a-plugin.md) shows how a
plugin answers a hook; [values.md](values.md) lists what the arguments and answers carry.

{text}

`postroom plugins hooks` prints, for your configuration, who answers each hook and in which order.
"""


def page() -> str:
    """The whole page."""
    source = "".join(inspect.getsource(part) for part in hookspecs.PARTS)
    places = {match.start(): match[1] for match in GROUP.finditer(source)}
    parts = [INTRODUCTION.format(text=_markdown(inspect.getdoc(hookspecs) or ""))]
    for name in hookspecs.hooks():
        at = source.index(f"def {name}(")
        for start in [start for start in places if start < at]:
            title = places.pop(start)
            parts.append(f"## {title[0].upper()}{title[1:]}\n")
        parts.append(entry(name))
    return "\n".join(parts)


def entry(name: str) -> str:
    """One hook: heading with its arguments, signature, kind, and what it says."""
    function = hookspecs.hooks()[name]
    signature = inspect.signature(function)
    kind, _, text = (inspect.getdoc(function) or "").partition(": ")
    answered = ", ".join(f"`{plugin}`" for plugin in _answering(name)) or "none"
    return "\n".join(
        [
            f"### {heading(name)}\n",
            f"```python\ndef {name}{plain(signature)}\n```\n",
            f"**{kind}.** {_markdown(text[:1].upper() + text[1:])}\n",
            f"Bundled plugins that answer it: {answered}.\n",
        ]
    )


def plain(signature: inspect.Signature) -> str:
    """The signature without the quotes of postponed annotations."""
    return QUOTED.sub(r"\1\2", str(signature))


def heading(name: str) -> str:
    """``check_sender(client, envelope)``."""
    return f"{name}({', '.join(inspect.signature(hookspecs.hooks()[name]).parameters)})"


def _answering(name: str) -> list[str]:
    return [plugin for plugin, module in modules().items() if hasattr(module.Plugin, name)]


def _markdown(text: str) -> str:
    return text.replace("``", "`")
