"""The built-in words of delivery reports, as the YAML file that a translator starts from."""

from __future__ import annotations

from postroom.mail.report_texts import TEXTS, keys_of

INTRODUCTION = """# The words of delivery reports. Made from the code by `make docs`; do not edit it here: copy the file, translate what
# you like of it, leave out the rest, and name it in config.yaml:
#   reports: {templates: report-texts.yaml}
# Words in braces are filled in; a brace itself is written twice. `postroom check` tells what is wrong, with line and column.
# date is the form of dates, as strftime has it. What stands below remedies explains the enhanced status codes of RFC 3463.
"""


def page() -> str:
    """The whole file."""
    lines: list[str] = []
    above: tuple[str, ...] = ()
    for key, text in TEXTS.items():
        groups = keys_of(key)
        for depth, group in enumerate(groups[:-1]):
            if groups[: depth + 1] != above[: depth + 1]:
                lines.append(f"{'  ' * depth}{quoted(group)}:")
                above = groups[: depth + 1]
        above = groups[:-1]
        indent = "  " * (len(groups) - 1)
        lines.append(f"{indent}{quoted(groups[-1])}: {written(text.words, indent)}")
    return INTRODUCTION + "\n".join(lines) + "\n"


def quoted(key: str) -> str:
    """A key as YAML wants it: a code would else be a number to some programs."""
    return key if key.isalpha() else f'"{key}"'


def written(text: str, indent: str) -> str:
    """A text as YAML has it: quoted, or as lines of their own."""
    if "\n" not in text:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "|-\n" + "\n".join(f"{indent}  {line}" for line in text.split("\n"))
