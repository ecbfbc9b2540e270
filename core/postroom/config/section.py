"""The base of all settings: one mapping of ``config.yaml``."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

Location = tuple[str | int, ...]  # a path inside a section: ("services", 1, "id")


class Section(BaseModel):
    """A mapping in ``config.yaml``: unknown keys are errors, and nothing changes after the start."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def checks(self) -> Iterator[tuple[Location, str]]:
        """Problems between several settings, each with the place that it is told for; the default finds none."""
        yield from ()
