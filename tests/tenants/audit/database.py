"""The test database as its superuser sees it: for tampering."""

import os
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings

from controlplane.embedded.session_services import start_test_services


@contextmanager
def superuser():
    """An autocommitting connection that no policy and no missing grant stops; triggers are off, as for one who knows of them."""
    urls = start_test_services(Path(os.environ["DAGGERBOARD_TEST_FOLDER"])).postgres
    with psycopg.connect(urls.superuser, dbname=settings.DATABASES["default"]["NAME"], autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


def as_role(role):
    """An autocommitting connection as `app` or `door`."""
    known = settings.DATABASES["default" if role == "app" else "door"]
    return psycopg.connect(
        host=known["HOST"],
        port=known["PORT"],
        user=known["USER"],
        password=known["PASSWORD"],
        dbname=known["NAME"],
        autocommit=True,
    )
