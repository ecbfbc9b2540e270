"""pytest's side: put ``pytest_plugins = ["postroom.testing.fixtures"]`` into the ``conftest.py`` at the top of your project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .miniature import Miniature


@pytest.fixture
def miniature(tmp_path: Path) -> Iterator[Callable[..., Miniature]]:
    """Makes servers: ``miniature({"my_plugin": {…}})``; all are stopped at the end of the test."""
    with ExitStack() as running:

        def make(*arguments: Any, **options: Any) -> Miniature:
            folder = tmp_path / f"server{len(list(tmp_path.iterdir()))}"
            return running.enter_context(Miniature(folder, *arguments, **options))

        yield make
