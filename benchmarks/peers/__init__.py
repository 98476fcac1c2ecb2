"""Dagster's open source server in an environment of its own, doing the same work on the same machine."""
