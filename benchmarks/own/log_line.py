"""From print in user code to the line in a browser: the asset `timestamps` prints the time, the page notes when it shows it."""

from playwright.sync_api import BrowserContext

from benchmarks.measuring import Values
from benchmarks.own.browser import signed_in
from benchmarks.own.daggerboard import DaggerboardSystem
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import Work
from tests.installation import Installation
from tests.waiting import eventually

SECONDS = 30
# Five lines a second; what is printed before the viewer is open is no sample.
SAMPLES = 100
STEP = "timestamps"

# Both clocks are this machine's. The first frame after the line came into the document shows it.
_WATCH = """
([enough, most]) => new Promise((resolve, reject) => {
  const opened = Date.now() / 1000;
  const seen = new Map();
  setTimeout(() => reject(new Error(`only ${seen.size} lines were seen`)), most);
  const look = () => {
    for (const line of document.querySelectorAll("log-viewer .line-text")) {
      const found = /printed-at (\\d+\\.\\d+)/.exec(line.textContent);
      if (!found || seen.has(found[1]) || Number(found[1]) < opened) continue;
      seen.set(found[1], null);
      requestAnimationFrame(() => {
        seen.set(found[1], Date.now() / 1000);
        if (seen.size >= enough) resolve([...seen].filter(([, at]) => at).map(([printed, at]) => [Number(printed), at]));
      });
    }
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
})
"""


def log_line_visible(installation: Installation, system: DaggerboardSystem) -> Values:
    """Watch one run's stdout for half a minute."""
    with signed_in(installation) as context:
        samples = _watch(installation, system, context)
    say(f"Daggerboard: line in the browser {spread(samples)} ms")
    return {"log_line_visible_p95_ms": percentile(samples, 95)}


def _watch(installation: Installation, system: DaggerboardSystem, context: BrowserContext) -> list[float]:
    run_id = system.launch(Work(asset=STEP, run_config={"ops": {STEP: {"config": {"seconds": SECONDS}}}}))
    eventually(lambda: system.client.get(f"runs/{run_id}/logs/"), lambda logs: "stdout" in str(logs), seconds=30)
    page = context.new_page()
    page.goto(f"{installation.url}/demo/prod/runs/{run_id}/logs?stream=stdout")
    page.locator("log-viewer .line-text", has_text="printed-at").first.wait_for(timeout=30_000)
    seen: list[list[float]] = page.evaluate(_WATCH, [SAMPLES, 2 * SECONDS * 1000])
    page.close()
    return [(shown - printed) * 1000 for printed, shown in seen]
