"""How many threads to start: the cores that this process may use, not those of the machine.

A container that may use two of 64 cores is slower with 64 threads than with two, and its neighbours suffer.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_PROCESS_GROUPS = Path("/proc/self/cgroup")  # the control groups that this process is in
_GROUPS = Path("/sys/fs/cgroup")


def available_threads() -> int:
    """Cores that this process may use, at least 1.

    The smallest of: the cores it is bound to (affinity), the quota of its control group (``cpu.max`` of version 2, or
    ``cpu.cfs_quota_us`` of version 1, rounded up to whole cores), and the first number of ``OMP_NUM_THREADS``. Asked
    anew at every call, since all three may change.
    """
    return max(1, min([_bound_cores(), *_quotas(), *_wanted_by_environment()]))


def threads_for(n_jobs: int | None) -> int:
    """Threads for an ``n_jobs`` argument: the number given, or `available_threads` for None, 0 and negative ones."""
    return available_threads() if n_jobs is None or n_jobs < 1 else int(n_jobs)


def _bound_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows: nothing narrower is known there


def _wanted_by_environment() -> Iterator[int]:
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if first.isascii() and first.isdigit() and int(first) > 0:
        yield int(first)


def _quotas() -> Iterator[int]:
    """Quotas of the control groups that this process is in, and of those around them, in whole cores."""
    for line in _text(_PROCESS_GROUPS).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        roots = [_GROUPS / controllers, _GROUPS / "cpu"] if controllers else [_GROUPS]
        files = ["cpu.cfs_quota_us", "cpu.cfs_period_us"] if controllers else ["cpu.max"]
        # A container may see its own group as the root, whatever its path is called outside.
        for group in [PurePosixPath(path), *PurePosixPath(path).parents]:
            for root in roots:
                numbers = " ".join(_text(root / str(group).strip("/") / file) for file in files).split()
                if len(numbers) == 2 and all(map(str.isdigit, numbers)) and int(numbers[1]) > 0:  # not "max" or -1
                    yield math.ceil(int(numbers[0]) / int(numbers[1]))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
