"""Weeks of history that nobody needs any more: which partitions there are, and dropping one.

Dropping is done by `drop_partition()`, a function of the owner role that the door role alone may call. It takes partitions of history tables
only, of weeks that are over, and gives up after a fifth of a second without its lock, so that whoever writes history hardly waits.
"""

import datetime
import time
from dataclasses import dataclass

import structlog
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

from tenants.rls import door_role

log = structlog.get_logger(__name__)

DROP_PARTITION_SQL = f"""
CREATE FUNCTION drop_partition(part text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE parent text; week timestamptz;
BEGIN
  SELECT p.relname INTO parent FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
  WHERE c.relname = part AND c.relnamespace = 'public'::regnamespace AND p.relname IN (SELECT name FROM partitioned_table);
  IF parent IS NULL THEN RETURN false; END IF;
  IF part !~ ('^' || parent || '_y[0-9]{{4}}w[0-9]{{2}}$') THEN RAISE EXCEPTION '% is no week of %', part, parent; END IF;
  week := to_date(right(part, 7), 'IYYY"w"IW')::timestamp AT TIME ZONE 'UTC';
  IF week + interval '8 days' > now() THEN RAISE EXCEPTION '% is not over for a day', part; END IF;
  EXECUTE format('DROP TABLE %I', part);
  RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION drop_partition(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_partition(text) TO "{door_role()}";
"""  # noqa: S608 - a role's name of the settings
UNDO_DROP_PARTITION_SQL = "DROP FUNCTION drop_partition(text);"

_WEEKS = """
    SELECT p.relname, c.relname FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
    WHERE p.relname IN (SELECT name FROM partitioned_table) AND c.relname ~ ('^' || p.relname || '_y[0-9]{4}w[0-9]{2}$')
    ORDER BY 1, 2
"""
_WEEK = datetime.timedelta(days=7)
_TRIES = 5
_PAUSE_SECONDS = 0.3


@dataclass(frozen=True)
class Partition:
    """One week of one table, from `start` to before `end`."""

    table: str
    name: str
    start: datetime.datetime

    @property
    def end(self) -> datetime.datetime:
        return self.start + _WEEK


def week_of(moment: datetime.datetime) -> datetime.datetime:
    """When the week began in which the moment is: Monday, 00:00 UTC."""
    day = moment.astimezone(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - datetime.timedelta(days=day.weekday())


def partitions() -> list[Partition]:
    """Every week of every history table, the oldest first."""
    with connections["door"].cursor() as cursor:
        cursor.execute(_WEEKS)
        found = [Partition(table, name, _start(name)) for table, name in cursor.fetchall()]
    return sorted(found, key=lambda one: (one.start, one.table))


def drop_partition(partition: Partition) -> bool:
    """Drop it; False when it is in use and stays for now, or is gone already. Waits a second or two at most."""
    for _ in range(_TRIES):
        try:
            with connections["door"].cursor() as cursor:
                cursor.execute("SELECT drop_partition(%s)", [partition.name])
                return bool(cursor.fetchone()[0])
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            time.sleep(_PAUSE_SECONDS)
    log.info("partition.in_use", partition=partition.name)
    return False


def _start(name: str) -> datetime.datetime:
    year, week = name[-7:].split("w")
    return datetime.datetime.combine(
        datetime.date.fromisocalendar(int(year), int(week), 1), datetime.time(), tzinfo=datetime.UTC
    )
