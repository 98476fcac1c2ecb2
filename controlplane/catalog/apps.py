"""Assets as they are: materializations, partitions, checks."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "controlplane.catalog"
