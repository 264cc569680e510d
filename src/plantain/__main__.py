"""`python -m plantain`."""

import sys

from plantain.cli import main

if __name__ == "__main__":
    sys.exit(main())
