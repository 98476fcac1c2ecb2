"""What the launchers of embedded servers share: one server in one folder, on loopback, which is started, stopped and started again."""

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from controlplane.embedded.server_home import ServerHome

Urls = TypeVar("Urls")


class EmbeddedServer(ABC, Generic[Urls]):
    """One server; `start` answers where it listens, may be called again after a stop or a crash, and the port stays the same then."""

    name: str
    # How it is asked to end, and the seconds it has for that.
    gently: signal.Signals
    patience: float

    def __init__(
        self, home: Path, *, port: int | None, death_signal: signal.Signals, notice: Callable[[str], None]
    ) -> None:
        """`death_signal` is what the server gets when the thread that started it ends; `notice` is told what people should know."""
        self._home = ServerHome(home, service=self.name)
        self._port = port
        self._death_signal = death_signal
        self._notice = notice

    @property
    def pid(self) -> int | None:
        return self._home.pid

    @property
    def log(self) -> Path:
        return self._home.log

    def running(self) -> bool:
        return self._home.running()

    def start(self) -> Urls:
        """Returns once the server can be used; raises an EmbeddedError otherwise, and nothing runs then."""
        self._home.acquire()
        try:
            if self._home.stop_leftover(gently=self.gently):
                self._notice(f"Stopped the {self.name} of an earlier start that was killed.")
            return self._start()
        except OSError as error:
            self.stop()
            raise self._home.explain(error) from error
        except BaseException:
            self.stop()
            raise

    def restart(self) -> None:
        """After a crash."""
        self.start()

    def stop(self) -> None:
        """What it has promised to keep is on disk afterwards. Quiet when nothing runs."""
        self._home.stop(gently=self.gently, seconds=self.patience)
        self._home.release()

    @abstractmethod
    def _start(self) -> Urls:
        """In the folder that is held, where no earlier server runs any more."""
