"""Git hosts and pull requests: what is deployed for them, what they are told, and the end of what was made for them."""

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "controlplane.delivery"
    label = "delivery"
