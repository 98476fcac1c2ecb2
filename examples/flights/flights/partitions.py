"""The time windows of the data: the days and months of 2013, in New York's time."""

import dagster as dg

NEW_YORK = "America/New_York"

days_of_2013 = dg.DailyPartitionsDefinition(start_date="2013-01-01", end_date="2014-01-01", timezone=NEW_YORK)
months_of_2013 = dg.MonthlyPartitionsDefinition(start_date="2013-01-01", end_date="2014-01-01", timezone=NEW_YORK)
