"""What starts runs without a person: schedules, sensors, automation conditions, backfills."""
