"""What starts runs by itself: a schedule that replays 2013 day by day, and a sensor that watches a folder."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg

from flights.aircraft import AircraftQuery, HistoryFile, aircraft_history
from flights.jobs import replay_day
from flights.lake import FlightLake
from flights.partitions import NEW_YORK, days_of_2013


@dg.schedule(job=replay_day, cron_schedule="0 6 * * *", execution_timezone=NEW_YORK)
def replay_2013(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Each morning, load the same day of 2013."""
    today = context.scheduled_execution_time.astimezone(ZoneInfo(NEW_YORK))
    day = f"2013-{today:%m-%d}"
    if not days_of_2013.has_partition_key(day):
        return dg.SkipReason("2013 had no 29 February.")
    return dg.RunRequest(run_key=f"{today:%Y-%m-%d}", partition_key=day, tags={"replayed_on": f"{today:%Y-%m-%d}"})


@dg.sensor(job=aircraft_history, minimum_interval_seconds=30)
def aircraft_requests(context: dg.SensorEvaluationContext, lake: FlightLake) -> dg.SensorResult | dg.SkipReason:
    """Watch `requests/` in the data folder: each text file dropped there, one tail number per line, starts a run.

    The cursor holds the files seen with the time of their last change, so that a file that changed is asked for again.
    """
    folder = lake.root / "requests"
    seen = json.loads(context.cursor or "{}")
    present = {file.name: file.stat().st_mtime_ns for file in sorted(folder.glob("*.txt"))}
    changed = [folder / name for name, modified in present.items() if seen.get(name) != modified]
    requests = [request_history(file, present[file.name]) for file in changed if file.read_text().split()]
    if not requests:
        return dg.SkipReason(f"No new requests in {folder}")
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(present))


def request_history(file: Path, modified: int) -> dg.RunRequest:
    config = dg.RunConfig(
        ops={
            "find_flights": AircraftQuery(tail_numbers=file.read_text().split()),
            "write_history": HistoryFile(name=file.stem),
        }
    )
    return dg.RunRequest(run_key=f"{file.name}:{modified}", run_config=config, tags={"requested_by": file.name})
