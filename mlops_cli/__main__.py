"""`python -m mlops_cli` does what `mlops` does."""

import sys

from mlops_cli.main import main

sys.exit(main())
