"""What a server costs: processor time and memory of its processes, as the kernel counts them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """Return the user and system time that a process and its living children have used so far."""
    return sum(_seconds(each) for each in family(pid))


def resident_bytes(pid: int) -> int:
    """Return the memory of a process and its living children."""
    return sum(_kilobytes(each, "VmRSS:") for each in family(pid)) * 1024


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process and its children had since `forget_peak`."""
    return sum(_kilobytes(each, "VmHWM:") for each in family(pid)) * 1024


def forget_peak(pid: int) -> None:
    """Begin to count the peak anew."""
    for each in family(pid):
        Path(f"/proc/{each}/clear_refs").write_text("5")


def family(pid: int) -> Iterator[int]:
    """Yield a process and its living descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _kilobytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
