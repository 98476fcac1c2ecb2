"""The routes of schedules, sensors and ticks below `/api/v1/organizations/<org>/deployments/<deployment>/`."""

from django.urls import URLPattern, URLResolver, include, path

from controlplane.automation.instigators import api
from controlplane.automation.ticks import api as ticks

_schedule: list[URLPattern | URLResolver] = [
    path("", api.ScheduleView.as_view(), name="schedule"),
    path("start/", api.StartScheduleView.as_view(), name="schedule-start"),
    path("stop/", api.StopScheduleView.as_view(), name="schedule-stop"),
    path("reset/", api.ResetScheduleView.as_view(), name="schedule-reset"),
    path("tick/", ticks.TickScheduleView.as_view(), name="schedule-tick"),
    path("test/", ticks.TestScheduleView.as_view(), name="schedule-test"),
    path("apply/", ticks.ApplyScheduleView.as_view(), name="schedule-apply"),
    path("ticks/", ticks.ScheduleTicksView.as_view(), name="schedule-ticks"),
]
_sensor: list[URLPattern | URLResolver] = [
    path("", api.SensorView.as_view(), name="sensor"),
    path("start/", api.StartSensorView.as_view(), name="sensor-start"),
    path("stop/", api.StopSensorView.as_view(), name="sensor-stop"),
    path("reset/", api.ResetSensorView.as_view(), name="sensor-reset"),
    path("cursor/", api.SensorCursorView.as_view(), name="sensor-cursor"),
    path("tick/", ticks.TickSensorView.as_view(), name="sensor-tick"),
    path("test/", ticks.TestSensorView.as_view(), name="sensor-test"),
    path("apply/", ticks.ApplySensorView.as_view(), name="sensor-apply"),
    path("ticks/", ticks.SensorTicksView.as_view(), name="sensor-ticks"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("schedules/", api.SchedulesView.as_view(), name="schedules"),
    path("schedules/start/", api.StartSchedulesView.as_view(), name="schedules-start"),
    path("schedules/stop/", api.StopSchedulesView.as_view(), name="schedules-stop"),
    path("schedules/<str:location>/<str:name>/", include(_schedule)),
    path("sensors/", api.SensorsView.as_view(), name="sensors"),
    path("sensors/start/", api.StartSensorsView.as_view(), name="sensors-start"),
    path("sensors/stop/", api.StopSensorsView.as_view(), name="sensors-stop"),
    path("sensors/<str:location>/<str:name>/", include(_sensor)),
    path("ticks/", ticks.TicksView.as_view(), name="ticks"),
    path("ticks/<uuid:tick_id>/", ticks.TickView.as_view(), name="tick"),
]
