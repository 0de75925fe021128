"""The processes of one server: worker processes, signals, the file with the process id, logging."""

import asyncio
import fcntl
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any, Final, TypeVar

from bridge_core.errors import ConfigurationError

T = TypeVar("T")

CANNOT_START: Final = 2  # exit code: no use in trying again
SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})

_log = logging.getLogger(__name__)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run the main task of a process on the fastest event loop that there is."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def supervise(work: Callable[[], int], count: int) -> int:
    """Run `work` in so many processes, replace one that dies, hand signals on; return the exit code.

    Must be called before there are threads or an event loop: the workers are forks.
    """
    signal.signal(signal.SIGCHLD, lambda number, frame: None)  # not ignored, so that it can be waited for
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    workers = [_worker(work) for _ in range(count)]
    while True:
        match signal.sigwait(SIGNALS):
            case signal.SIGCHLD:
                dead = [worker for worker in workers if not worker.is_alive()]
                if any(worker.exitcode == CANNOT_START for worker in dead):
                    return _stop(workers) or CANNOT_START
                for worker in dead:
                    _log.error("worker %s ended with %s: another one takes its place", worker.pid, worker.exitcode)
                    workers[workers.index(worker)] = _worker(work)
            case signal.SIGHUP:
                _tell(workers, signal.SIGHUP)
            case _:
                return _stop(workers)


@contextmanager
def pid_file(path: Path | None) -> Iterator[None]:
    """Keep this process's id in a file, locked for as long as the process lives."""
    if path is None:
        yield
        return
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"another server runs with the same pid_file {path}") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def running_at(path: Path) -> int | None:
    """Return the process id of the server that keeps this file; None: there is none."""
    try:
        with path.open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read())
    except FileNotFoundError:
        pass
    return None


def log_to_stderr(*, verbose: bool) -> None:
    """Write what happens to standard error, a line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    for name in ("alembic", "httpx", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)


def _worker(work: Callable[[], int]) -> BaseProcess:
    def begin() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        Thread(target=_end_with_parent, daemon=True).start()
        sys.exit(work())

    worker = multiprocessing.get_context("fork").Process(target=begin)
    worker.start()
    return worker


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # this runs in a worker
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _tell(workers: list[BaseProcess], number: signal.Signals) -> None:
    for worker in workers:
        if worker.pid is not None and worker.is_alive():
            os.kill(worker.pid, number)


def _stop(workers: list[BaseProcess]) -> int:
    _tell(workers, signal.SIGTERM)
    for worker in workers:
        worker.join()
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        return None
    return uvloop.new_event_loop
