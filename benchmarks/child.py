"""One measurement, in a process of its own: seconds, peak memory, records."""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path


def peak_memory() -> float:
    """Return the greatest resident size of this process, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage tells begins with the size of the parent.
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024


def main(side: str, verb: str, database: str, server: str) -> None:
    """Run one verb of one side and print what it took: seconds of clock and of processor, MB.

    The clock runs from the opened database to the last commit, without the imports.
    """
    module = import_module(f"benchmarks.{side}")
    if verb == "prepare":
        module.prepare(database)
        return
    began, cpu_before = time.perf_counter(), time.process_time()
    records = module.run(verb, database, server)
    seconds = time.perf_counter() - began
    cpu = time.process_time() - cpu_before
    result = {"seconds": seconds, "cpu": cpu, "memory": peak_memory(), "records": records}
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
