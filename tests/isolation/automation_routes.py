"""The REST routes of schedules, sensors and ticks."""

_API = "api/v1/organizations/<slug:org>/deployments/<slug:deployment>/"
_OF_ONE = ("", "start/", "stop/", "reset/", "tick/", "test/", "apply/", "ticks/")

AUTOMATION = [
    *(f"{_API}{kind}/{verb}" for kind in ("schedules", "sensors") for verb in ("", "start/", "stop/")),
    *(f"{_API}{kind}/<str:location>/<str:name>/{verb}" for kind in ("schedules", "sensors") for verb in _OF_ONE),
    f"{_API}sensors/<str:location>/<str:name>/cursor/",
    f"{_API}ticks/",
    f"{_API}ticks/<uuid:tick_id>/",
]
