"""The `web` role: pages and REST API, synchronous."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")

application = get_wsgi_application()

from controlplane.config import urls as urls  # noqa: E402, PLC0414 - a broken route stops the start, not the first request

# What is imported stays: the collector would go through all of it again with every few long pages, for a quarter of a second.
gc.collect()
gc.freeze()
