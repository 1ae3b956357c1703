"""`python -m fastpost`: the command line."""

import sys

from fastpost.cli import main

if __name__ == "__main__":
    sys.exit(main())
