"""A headless Chromium that has signed in."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, sync_playwright

from benchmarks.system import MeasureError
from tests.browser.install import find_chromium
from tests.installation import Installation

# The sandbox needs kernel features that root in a container lacks; /dev/shm is small there.
_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


@contextmanager
def signed_in(installation: Installation) -> Iterator[BrowserContext]:
    """A browser context with the owner's session, in a window of usual size."""
    program = find_chromium()
    if program is None:
        raise MeasureError("There is no Chromium on this machine. As root: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            _sign_in(context, installation)
            yield context
        finally:
            browser.close()


def _sign_in(context: BrowserContext, installation: Installation) -> None:
    page = context.new_page()
    page.goto(_sign_in_link(installation))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "sign-in" not in url)
    page.close()


def _sign_in_link(installation: Installation) -> str:
    """A new one-time link, asked for as a user asks."""
    words = [sys.executable, "-m", "controlplane.cli.main", "sign-in-link"]
    environment = {**os.environ, "DAGGERBOARD_HOME": str(installation.home)}
    answer = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return answer.stdout.split()[-1]
