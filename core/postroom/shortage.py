"""When this machine lacks what a connection or a file needs: descriptors, buffers, memory. It says nothing about anybody else."""

from __future__ import annotations

import errno
import os
import resource

ERRORS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
REMEDY = (
    "raise the limit of open files of the service (LimitNOFILE in its systemd unit, or ulimit -n; for the whole machine fs.file-max),"
    " or lower the concurrency of the senders and the max_connections of the services"
)


RESERVE = 64  # descriptors that connections to others leave to the database and the log; a quarter where there are few


def is_shortage(error: object) -> bool:
    """True for an exception that tells of such a lack, also in the ``reason`` of urllib's."""
    return getattr(error, "errno", None) in ERRORS or getattr(getattr(error, "reason", None), "errno", None) in ERRORS


def shortage() -> OSError | None:
    """Why nothing can be opened now, None when it can. For failures whose own words do not tell, as those of libraries in C."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error if is_shortage(error) else None
    return None


def is_of_reserve(descriptor: int) -> bool:
    """True for one that was opened a moment ago and is among the last that there are: the numbers below it are all in use."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return limit != resource.RLIM_INFINITY and descriptor >= limit - min(RESERVE, limit // 4)
