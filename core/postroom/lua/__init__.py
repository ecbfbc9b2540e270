"""Lua scripts of administrators: a sandbox with limits, the scripts on disk, and values both ways."""
