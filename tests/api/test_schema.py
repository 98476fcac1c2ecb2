"""The OpenAPI description: generated without a warning, valid, and complete."""

import json

import jsonschema
import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from controlplane.core import api_schema


@pytest.fixture(scope="module")
def description():
    return json.loads(Client().get("/api/v1/schema/").content)


def test_schema_is_generated_without_warnings():
    api_schema._document.cache_clear()
    GENERATOR_STATS.reset()

    api_schema._document()

    assert (dict(GENERATOR_STATS._warn_cache), dict(GENERATOR_STATS._error_cache)) == ({}, {})


def test_schema_is_valid_openapi(description):
    validate_schema(description)
    for schema in description["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_operation_says_what_it_does(description):
    operations = [op for path in description["paths"].values() for method, op in path.items() if method != "parameters"]

    assert len(operations) > 10
    assert [op["operationId"] for op in operations if not op.get("description")] == []
    assert len({op["operationId"] for op in operations}) == len(operations)


def test_every_operation_documents_its_refusals(description):
    operations = [op for path in description["paths"].values() for method, op in path.items() if method != "parameters"]

    assert [op["operationId"] for op in operations if not {"400", "401", "403", "404"} <= set(op["responses"])] == []
