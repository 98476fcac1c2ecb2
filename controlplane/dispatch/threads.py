"""Where the coroutines of this slice do their database work: two bounded pools, so that a flood of events delays no poll."""

from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

# Together at most what one process may hold of Postgres, less two for everything else.
_THREADS = max(3, settings.DATABASE_POOL_SIZE - 2)

POLLS = ThreadPoolExecutor(max_workers=_THREADS // 2, thread_name_prefix="polls")
DELIVERIES = ThreadPoolExecutor(max_workers=_THREADS - _THREADS // 2, thread_name_prefix="deliveries")
