"""What a worker or an agent does while a command waits for it."""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from controlplane.core.threads import with_connections_returned

_PAUSE_SECONDS = 0.05


class WorkBrokeOffError(Exception):
    """Raised where a command waits for work that comes no more; what broke it is raised where the work was begun."""


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Do it again and again in a thread, until the block ends. What it raises ends the block, and is raised from here."""
    over, ending, raised = threading.Event(), threading.Lock(), list[Exception]()
    waits = ctypes.c_ulong(threading.get_ident())

    def go_on() -> None:
        try:
            while not over.wait(_PAUSE_SECONDS):
                work()
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
            raised.append(error)
            with ending:
                if not over.is_set():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(waits, ctypes.py_object(WorkBrokeOffError))

    thread = threading.Thread(target=with_connections_returned, args=(go_on,))
    thread.start()
    try:
        yield
    finally:
        with ending:
            over.set()
        thread.join()
        if raised:
            raise raised[0]
