"""One measurement, in a process of its own: seconds, peak memory, records."""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module


def main(side: str, verb: str, database: str, server: str) -> None:
    """Run one verb of one side and print what it took, in seconds of the clock and of the processor.

    The clock runs from the opened database to the last commit, without the imports.
    """
    module = import_module(f"benchmarks.{side}")
    if verb == "prepare":
        module.prepare(database)
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_before = used.ru_utime + used.ru_stime
    began = time.perf_counter()
    records = module.run(verb, database, server)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - cpu_before
    result = {"seconds": seconds, "cpu": cpu, "memory": used.ru_maxrss / 1024, "records": records}
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
