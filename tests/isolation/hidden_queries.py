"""What the tests of hidden things ask of the routes that read: queries by the end of a route's pattern."""

# What to ask of a route beside `q`, by the end of its pattern; a new route is asked without a query, and for the canary.
QUERIES: dict[str, list[dict[str, str]]] = {
    "/materializations/": [{"asset": "{key}"}, {"run": "{run_id}"}, {"asset": "after"}],
    "/observations/": [{"asset": "{key}"}, {"run": "{run_id}"}],
    "/check-evaluations/": [{"asset": "{key}"}, {"run": "{run_id}"}],
    "/asset-evaluations/": [{"asset": "{key}"}, {"asset": "after"}],
    "/asset-wipes/": [{"asset": "{key}"}],
    "/asset/report": [{"key": "{key}"}],
    "/asset/wipe": [{"key": "{key}"}],
    "/partitions/": [{"asset": "{key}"}, {"asset": "{key}", "format": "ranges"}],
    "/asset-health/": [{"asset": "{key}"}],
    "/freshness-changes/": [{"asset": "{key}"}],
    "/partitions/cells/": [{"asset": "{key}"}],
    "/checks/": [{}, {"asset": "{key}"}],
    "/logs/<str:stream>/": [{"log_key": "{key}"}],
    "/logs/<str:stream>/lines/": [{"log_key": "{key}"}],
    "/logs/<str:stream>/search/": [{"log_key": "{key}", "q": "a"}],
    "/backfills/": [{}, {"asset": "{key}"}, {"job": "{job}"}],
    "/backfills": [{}, {"asset": "{key}"}, {"job": "{job}"}],
    "/automation": [{}, {"q": "canary"}, {"location": "{location}"}],
    "/automation/named": [
        {"kind": kind, "location": "{location}", "name": "{name}"} for kind in ("schedule", "sensor")
    ],
    "/backfills/new": [{"assets": "{key}"}, {"location": "{location}", "job": "{job}"}],
    "/dynamic-partitions": [{}, {"name": "{key}"}],
    "/dynamic-partitions/keys/": [{"definition": "{key}"}],
    "/runs/": [{}, {"asset": "{key}"}, {"location": "{location}"}, {"job": "{job}"}],
    "/runs": [{}, {"asset": "{key}"}, {"location": "{location}"}, {"id": "{run_id}"}],
    "/runs/bulk": [{"kind": "reexecute", "all": "1"}, {"kind": "cancel", "run": "{run_id}"}],
    "/timeline": [{}, *({"group": group, "range": "7d"} for group in ("automation", "location", "owner"))],
    "/jobs/<str:job>/": [{"location": "{location}"}],
    "/serving/": [{}, {"location": "{location}"}],
    "/code-location/version": [{"name": "{location}", "number": "1"}],
    "/promotions": [{}, {"from": "prod"}],
    "/promotions/preview/": [{"from": "prod"}],
    "/palette": [{"q": word} for word in ("canary", "a", "plain")],
    "/asset": [
        {"key": "{key}", "tab": tab} for tab in ("overview", "history", "plots", "partitions", "checks", "automation")
    ]
    + [{"key": "after", "tab": "history"}, {"key": "after"}],
    "/assets/<path:key>": [
        {"tab": tab} for tab in ("overview", "history", "plots", "partitions", "checks", "automation")
    ],
    "/job": [{"location": "{location}", "name": "{job}"}],
    "/code-location": [{"name": "{location}"}],
    "/launchpad": [{"location": "{location}", "job": "{job}"}, {"assets": "{key}"}, {"run": "{run_id}"}],
    "/launchpad/keys": [
        {"location": "{location}", "job": "{job}", "kind": kind} for kind in ("asset", "op", "partition")
    ],
    "/logs/lines": [{"key": "{key}", "stream": "stdout"}],
    "/logs/search": [{"key": "{key}", "stream": "stdout", "q": "a"}],
    "/logs/download": [{"key": "{key}", "stream": "stdout"}],
    "/logs": [{}, {"key": "{key}"}],
    "/live": [{"events": "full"}],
}
