"""Name this process so that others can tell, with certainty, that it is gone."""

import os
import uuid
from pathlib import Path

_ENDED = frozenset("ZX")


def this_process() -> str:
    """Return a name: kernel, namespace, number and start of the process; a random one where there is no /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}/{os.getpid()}/{_state(os.getpid())[1]}"
    except (OSError, ValueError, IndexError):
        return uuid.uuid4().hex


def is_gone(name: str) -> bool:
    """Tell whether the process of that name is certainly gone; of one elsewhere that is never certain."""
    mine = this_process()
    if mine.count("/") != 3 or name.count("/") != 3:
        return False
    place, _, own = name.rpartition("/")[0].rpartition("/")
    if place != mine.rpartition("/")[0].rpartition("/")[0]:
        return False
    try:
        state, started = _state(int(own))
    except FileNotFoundError:
        return True
    except (OSError, ValueError, IndexError):
        return False
    return started != name.rpartition("/")[2] or state in _ENDED


def _state(number: int) -> tuple[str, str]:
    """Return the state of a process, and when it started; what stands before is its name, which may hold anything."""
    words = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return words[0], words[19]
