"""Where ``python -m postroom`` and the command ``postroom`` begin: gevent patches the standard library before anything else is loaded."""

from gevent import monkey

monkey.patch_all()

import sys
from typing import NoReturn

from postroom.cli.main import run


def main() -> NoReturn:
    """Run the command line and leave with its status."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
