"""Dagster's metadata values as typed JSON."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from daggerboard_worker.bounds import (
    METADATA_VALUE_BYTES,
    NAME_BYTES,
    SAFE_INTEGER,
    clean_text,
    encode,
    exceeds,
    integer_text,
    plain_json,
    text_of,
)

Json = dict[str, Any]

# All metadata of one event together; the rest of its megabyte belongs to dagster's own serialization.
METADATA_BYTES = 400 * 1024


def metadata_json(metadata: Mapping[str, Any] | None, *, budget: int = METADATA_BYTES) -> Json:
    """Entries in the user's order; those beyond the budget keep their name and type only."""
    result: Json = {}
    for name, value in (metadata or {}).items():
        entry = metadata_value(value)
        size = len(encode(entry))
        if size > budget:
            entry = {"type": entry["type"], "value": None, "truncated": True, "bytes": size}
        if budget <= 0:
            result["…"] = {"type": "null", "value": None, "truncated": True, "entries": len(metadata or {})}
            break
        budget -= min(size, budget)
        result[clean_text(str(name), NAME_BYTES)] = entry
    return result


def metadata_value(value: Any) -> Json:
    """Total: a value that cannot be shown becomes a text that says so."""
    try:
        convert = CONVERTERS.get(type(value).__name__, unknown_value)
        return bounded_value(convert(value))
    except Exception as error:  # noqa: BLE001 - user classes may raise anything
        return {"type": "text", "value": f"<metadata that cannot be shown: {text_of(error, 500)}>"}


def bounded_value(entry: Json) -> Json:
    value = entry["value"]
    if isinstance(value, str):
        if exceeds(value, METADATA_VALUE_BYTES):
            size = len(value.encode(errors="replace"))
            return {**entry, "value": clean_text(value, METADATA_VALUE_BYTES), "truncated": True, "bytes": size}
        return {**entry, "value": clean_text(value, METADATA_VALUE_BYTES)}
    if isinstance(value, (dict, list)):
        encoded = encode(value)
        if len(encoded) > METADATA_VALUE_BYTES:
            head = encoded[:4096].decode(errors="ignore")
            return {**entry, "value": None, "truncated": True, "bytes": len(encoded), "head": head}
    return entry


def scalar(kind: str, attribute: str) -> Callable[[Any], Json]:
    return lambda value: {"type": kind, "value": plain_text_or_json(getattr(value, attribute))}


def plain_text_or_json(value: object) -> Any:
    # Strings stay whole here, so that bounded_value can say how long they were.
    return value if isinstance(value, str) else plain_json(value)


def integer(value: Any) -> Json:
    number = value.value
    if number is None or abs(number) <= SAFE_INTEGER:
        return {"type": "int", "value": number}
    return {"type": "int", "value": None, "repr": integer_text(number)}


def floating(value: Any) -> Json:
    number = value.value
    if number is None or math.isfinite(number):
        return {"type": "float", "value": number}
    return {"type": "float", "value": None, "repr": repr(float(number))}


def table(value: Any) -> Json:
    rows = [plain_json(dict(record.data)) for record in value.records]
    return {"type": "table", "value": {"records": rows, "schema": schema_json(value.schema)}}


def table_schema(value: Any) -> Json:
    return {"type": "table_schema", "value": schema_json(value.schema)}


def schema_json(schema: Any) -> Json:
    constraints = list(schema.constraints.other) if schema.constraints else []
    return {"columns": [column_json(column) for column in schema.columns], "constraints": plain_json(constraints)}


def column_json(column: Any) -> Json:
    return {
        "name": text_of(column.name, NAME_BYTES),
        "type": text_of(column.type, NAME_BYTES),
        "description": plain_json(column.description),
        "nullable": column.constraints.nullable,
        "unique": column.constraints.unique,
        "constraints": plain_json(column.constraints.other),
        "tags": plain_json(getattr(column, "tags", None) or {}),
    }


def column_lineage(value: Any) -> Json:
    lineage = {
        text_of(column, NAME_BYTES): [
            {"asset": plain_json(source.asset_key.path), "column": text_of(source.column_name, NAME_BYTES)}
            for source in sources
        ]
        for column, sources in value.column_lineage.deps_by_column.items()
    }
    return {"type": "column_lineage", "value": lineage}


def code_references(value: Any) -> Json:
    fields = ("file_path", "line_number", "label", "url")
    references = [
        {"kind": type(reference).__name__, **{name: getattr(reference, name, None) for name in fields}}
        for reference in value.code_references
    ]
    return {"type": "code_references", "value": plain_json(references)}


def unknown_value(value: Any) -> Json:
    return {"type": f"unknown:{type(value).__name__}", "value": text_of(getattr(value, "value", value), 2000)}


CONVERTERS: dict[str, Callable[[Any], Json]] = {
    "TextMetadataValue": scalar("text", "text"),
    "UrlMetadataValue": scalar("url", "url"),
    "CloudUrlMetadataValue": scalar("url", "url"),
    "PathMetadataValue": scalar("path", "path"),
    "MarkdownMetadataValue": scalar("md", "md_str"),
    "JsonMetadataValue": scalar("json", "data"),
    "BoolMetadataValue": scalar("bool", "value"),
    "TimestampMetadataValue": scalar("timestamp", "value"),
    "NotebookMetadataValue": scalar("notebook", "path"),
    "DagsterRunMetadataValue": scalar("run", "run_id"),
    "DagsterJobMetadataValue": scalar("job", "job_name"),
    "PoolMetadataValue": scalar("pool", "pool"),
    "IntMetadataValue": integer,
    "FloatMetadataValue": floating,
    "NullMetadataValue": lambda _: {"type": "null", "value": None},
    "DagsterAssetMetadataValue": lambda value: {"type": "asset", "value": plain_json(value.asset_key.path)},
    "PythonArtifactMetadataValue": lambda value: {"type": "python", "value": f"{value.module}.{value.name}"},
    "TableMetadataValue": table,
    "TableSchemaMetadataValue": table_schema,
    "TableColumnLineageMetadataValue": column_lineage,
    "CodeReferencesMetadataValue": code_references,
}
