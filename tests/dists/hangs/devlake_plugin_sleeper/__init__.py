"""A data source that never ends its import, and catches what it can."""

import time

while True:
    try:
        time.sleep(600)
    except Exception:
        continue
