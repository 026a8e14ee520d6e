"""One measurement, in a process of its own: seconds, peak memory, records."""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module


def main(side: str, verb: str, database: str, server: str) -> None:
    """Run one verb of one side and print what it took.

    The clock runs from the opened database to the last commit, without the imports.
    """
    module = import_module(f"benchmarks.{side}")
    if verb == "prepare":
        module.prepare(database)
        return
    began = time.perf_counter()
    records = module.run(verb, database, server)
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "memory": memory, "records": records}))


if __name__ == "__main__":
    main(*sys.argv[1:])
