"""What Django says of the project as a whole."""

from django.core.checks import run_checks


def test_django_has_nothing_to_object_to() -> None:
    """Workers start without these checks (controlplane/config/celery.py)."""
    assert run_checks(include_deployment_checks=False) == []
