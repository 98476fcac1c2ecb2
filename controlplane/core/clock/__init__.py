"""The clock: claims the jobs that are due and wakes their Celery tasks. Any number of copies may run."""
