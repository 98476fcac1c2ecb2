"""The code location: everything Dagster loads."""

import dagster as dg

from flights import checks
from flights.aircraft import aircraft_history
from flights.assets import daily, monthly, raw, routes, warehouse, year
from flights.automation import aircraft_requests, replay_2013
from flights.jobs import close_branch, close_month, first_materialization, replay_day
from flights.lake import FlightLake

defs = dg.Definitions(
    assets=[raw.nycflights13, *dg.load_assets_from_modules([raw, daily, monthly, routes, year, warehouse])],
    asset_checks=dg.load_asset_checks_from_modules([checks]),
    jobs=[first_materialization, replay_day, close_month, aircraft_history, close_branch],
    schedules=[replay_2013],
    sensors=[aircraft_requests],
    resources={"lake": FlightLake()},
)
