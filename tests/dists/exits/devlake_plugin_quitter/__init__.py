"""A data source that leaves when it is imported."""

import sys

sys.exit(3)
