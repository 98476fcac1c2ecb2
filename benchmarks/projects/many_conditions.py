"""A thousand eager assets, ten of them behind each of a hundred others that nobody makes here."""

import dagster as dg

ROOTS, EAGER = 100, 1000


def _eager(number: int) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"eager_{number}",
        deps=[f"root_{number % ROOTS}"],
        automation_condition=dg.AutomationCondition.eager(),
    )
    def made() -> None: ...

    return made


defs = dg.Definitions(
    assets=[*(dg.AssetSpec(f"root_{number}") for number in range(ROOTS)), *map(_eager, range(EAGER))],
    sensors=[
        dg.AutomationConditionSensorDefinition(
            "conditions", target=dg.AssetSelection.all(), default_status=dg.DefaultSensorStatus.RUNNING
        )
    ],
)
