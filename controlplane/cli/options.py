"""Options that several commands have, said once."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Deployment = Annotated[
    str | None, typer.Option("--deployment", "-d", help="The deployment, when it is not the usual one.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
PullRequest = Annotated[
    int | None, typer.Option("--pr", min=1, help="The branch deployment of this pull request, by its number.")
]
Repository = Annotated[
    str | None, typer.Option("--repository", help="owner/name, where git here does not say it or says another.")
]
WaitTimeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", min=0, help="Wait at most so many seconds for the end; then exit with 1, and the run goes on."
    ),
]
ProjectFile = Annotated[
    str | None, typer.Option("--file", help="The dagster_cloud.yaml, when it is called otherwise.", metavar="FILE")
]
Values = Annotated[list[str] | None, typer.Option("--value", help="A value for templates, KEY=VALUE; may be repeated.")]
StateDirectory = Annotated[
    Path | None,
    typer.Option(
        "--statedir",
        help="Where the steps keep their state; DAGGERBOARD_BUILD_STATEDIR, DAGSTER_BUILD_STATEDIR, or .daggerboard-ci.",
    ),
]
LocationNames = Annotated[
    list[str] | None, typer.Option("--location-name", help="Only this code location; may be repeated.")
]
