"""The `web` role: pages and REST API, synchronous."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")

application = get_wsgi_application()

from controlplane.config import urls as urls  # noqa: E402, PLC0414 - a broken route stops the start, not the first request
