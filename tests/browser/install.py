"""Makes sure that there is a Chromium for the browser tests: the machine's own, or Debian's, installed when we may."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """The path of a Chromium on this machine: DAGGERBOARD_TEST_CHROMIUM, or the first of the usual names on PATH."""
    named = os.environ.get("DAGGERBOARD_TEST_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> int:
    """Install what is missing; 0 when a Chromium is there, 1 with one clear line when it is not."""
    if find_chromium() is None and shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Debian's chromium for the browser tests (apt-get)", file=sys.stderr)
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], check=False, **quiet)
    if find_chromium() is None:
        print(
            "The browser tests need Chromium and none is here. As root: apt-get install chromium (Debian), "
            "or set DAGGERBOARD_TEST_CHROMIUM to a Chromium or Chrome.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
