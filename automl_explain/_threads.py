"""How many threads to start: the cores that this process may use, not those of the machine.

A container that may use two of 64 cores is slower with 64 threads than with two, and its neighbours suffer.
"""

from __future__ import annotations

import math
import numbers
import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from automl_explain.exceptions import InputError

VARIABLE = "AUTOML_EXPLAIN_NUM_THREADS"

_PROCESS_GROUPS = Path("/proc/self/cgroup")  # the control groups that this process is in
_GROUPS = Path("/sys/fs/cgroup")


def available_threads() -> int:
    """Threads for a call that was told no number, at least 1.

    The number in ``AUTOML_EXPLAIN_NUM_THREADS``, as an ``n_jobs`` that is given. Without it 1 in a task of Spark, which
    runs one for every core, and else the cores that this process may use: the smallest of the cores it is bound to
    (affinity), the quota of its control group (``cpu.max`` of version 2, or ``cpu.cfs_quota_us`` of version 1, rounded
    up to whole cores), and the first number of ``OMP_NUM_THREADS``. Asked anew at every call, since all may change.

    Raises
    ------
    InputError
        If ``AUTOML_EXPLAIN_NUM_THREADS`` is no whole number.
    """
    wanted = _wanted_of_us()
    if wanted:
        return wanted
    return 1 if _in_spark() else max(1, min([_bound_cores(), *_quotas(), *_wanted_by_environment()]))


def threads_for(n_jobs: int | None) -> int:
    """Threads for an ``n_jobs`` argument: the number given, or `available_threads` for None, 0 and negative ones.

    Raises
    ------
    InputError
        If it is no whole number.
    """
    check_n_jobs(n_jobs)
    return available_threads() if n_jobs is None or n_jobs < 1 else int(n_jobs)


def check_n_jobs(n_jobs: Any) -> None:
    """Refuse an ``n_jobs`` that is neither None nor a whole number.

    Raises
    ------
    InputError
        If it is something else.
    """
    if n_jobs is None or (not isinstance(n_jobs, bool) and isinstance(n_jobs, numbers.Integral)):
        return
    raise InputError(
        f"`n_jobs` is {n_jobs!r:.100}; expected a whole number of threads. Leave it out for the cores that the process "
        "may use."
    )


def _wanted_of_us() -> int:
    """The number in our own variable; 0 where it leaves the number open."""
    text = os.environ.get(VARIABLE, "").strip()
    try:
        return max(0, int(text or 0))
    except ValueError as error:
        raise InputError(
            f"The environment variable {VARIABLE} is {text!r:.100}; expected a whole number of threads. Unset it for "
            "the cores that the process may use."
        ) from error


def _in_spark() -> bool:
    """Whether this process works for Spark: its variables tell the daemon's children, its context every task."""
    if any(name.startswith("PYTHON_WORKER_FACTORY_") for name in os.environ):
        return True
    context = getattr(sys.modules.get("pyspark.taskcontext"), "TaskContext", None)  # None in the driver as well
    return context is not None and context.get() is not None


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
