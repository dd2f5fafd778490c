"""`terroir redecode` in chunks so small that a test can kill it between many of them."""

import functools
import sys

from services.cli import main
from services.core.redecoding import running

if __name__ == "__main__":
    running.Workshop = functools.partial(running.Workshop, frames=30, keys=30)  # type: ignore[misc]
    sys.exit(main(["redecode", *sys.argv[1:]]))
