"""`python -m wsfast`."""

import sys

from .cli import main

sys.exit(main())
