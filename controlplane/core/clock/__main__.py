"""The `clock` process: ticks until SIGTERM or SIGINT."""

import os
import signal
import threading

import django


def main() -> None:
    """Set Django up first: the rest of the clock needs it at import."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")
    django.setup()
    from controlplane.core.clock.ticking import run

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(stop)


if __name__ == "__main__":
    main()
