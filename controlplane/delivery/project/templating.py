"""Jinja in dagster_cloud.yaml. Templates come from repositories: they are rendered in a sandbox and see what they are given.

The sandbox does not bound time and memory; where the repository is not one's own, `apart.py` does.
"""

from collections.abc import Mapping
from typing import Any

import yaml
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from controlplane.delivery.project.problems import refuse

_MARKS = ("{{", "{%", "{#")


def render(text: str, path: str, *, values: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """The text with its templates filled. `values` are its variables; `get_env(name, default)` reads `environment`.

    ProjectError for a variable that has no value, and for what is not Jinja.
    """
    if not any(mark in text for mark in _MARKS):
        return text
    jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    jinja.filters["to_yaml"] = yaml.safe_dump
    jinja.globals["get_env"] = lambda name, default="": environment.get(name, default)
    try:
        return jinja.from_string(text).render(dict(values))
    except TemplateSyntaxError as error:
        raise refuse(f"This is not Jinja: {error.message}", path=path, line=error.lineno) from error
    except UndefinedError as error:
        message = f"{str(error.message).rstrip('.')}. Give it a value with --value NAME=VALUE."
        raise refuse(message, path=path, line=_line_of(error)) from error
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise refuse(f"The template fails: {error}", path=path, line=_line_of(error)) from error


def _line_of(error: BaseException) -> int | None:
    """Jinja rewrites tracebacks so that frames of `<template>` carry the template's lines."""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
