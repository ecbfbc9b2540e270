"""The marks of hooks: what specifies one, and what answers one."""

from __future__ import annotations

import pluggy

hookspec = pluggy.HookspecMarker("postroom")
hookimpl = pluggy.HookimplMarker("postroom")
