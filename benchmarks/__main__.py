"""`python -m benchmarks`: measure, print the table, write results.json. Exits 1 when a figure could not be measured."""

import argparse
import os
import sys

import psutil

from benchmarks import report
from benchmarks.figures import BY_KEY
from benchmarks.own import measures as own
from benchmarks.peers import measures as peers
from benchmarks.progress import say

# What an idle desktop does anyway.
BUSY_PERCENT = 15


def main() -> int:
    """Daggerboard first, then the peer, never both at once."""
    arguments = _parser().parse_args()
    keys = frozenset(arguments.only or BY_KEY)
    _tell_machine()
    values = own.measure(keys)
    peer = peers.measure(keys) if arguments.peers else {}
    rows = report.results(values, peer, keys)
    if not arguments.no_write:
        report.write(rows)
    print(report.table(rows))
    return 0 if keys <= values.keys() else 1


def _tell_machine() -> None:
    """Nothing is hidden about a busy machine: every figure but the memory is worse on it."""
    busy = psutil.cpu_percent(interval=2)
    say(f"{os.cpu_count()} cores, {busy:.0f} % busy before the start")
    if busy > BUSY_PERCENT:
        say("Other programs are busy on this machine, so the figures will be too bad. Measure again when it is quiet.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="install Dagster beside us and measure the same work")
    parser.add_argument("--no-write", action="store_true", help="print the table, and leave results.json as it is")
    parser.add_argument("--only", type=_keys, metavar="KEY,KEY", help=f"some figures only: {', '.join(BY_KEY)}")
    return parser


def _keys(text: str) -> list[str]:
    keys = [key.strip() for key in text.split(",") if key.strip()]
    unknown = [key for key in keys if key not in BY_KEY]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no figure {', '.join(unknown)}")
    return keys


if __name__ == "__main__":
    sys.exit(main())
