"""The data key of each organization, wrapped by the installation's master key. tenants/sealing.py seals with it."""

from django.apps import AppConfig


class SealingKeysConfig(AppConfig):
    name = "tenants.sealing_keys"
    label = "sealing_keys"
