"""Prices, and what usage costs by them. Pure but for the settings, which hold the default price book."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

MICROS = 1_000_000
_HOUR = 3600.0


@dataclass(frozen=True)
class PriceBook:
    """Prices in units of `currency`; `id` is null for the default price book of the settings."""

    currency: str
    per_vcpu_hour: float
    per_gib_hour: float
    id: UUID | None = None

    def micros(self, *, cpu_seconds: float, gib_seconds: float) -> int:
        """What this much costs, in millionths of the currency."""
        price = cpu_seconds * self.per_vcpu_hour + gib_seconds * self.per_gib_hour
        return round(price / _HOUR * MICROS)


def default_price_book() -> PriceBook:
    """The prices of the settings, for organizations without a price book of their own."""
    return PriceBook(
        currency=settings.PRICE_CURRENCY.lower(),
        per_vcpu_hour=settings.PRICE_PER_VCPU_HOUR,
        per_gib_hour=settings.PRICE_PER_GIB_HOUR,
    )
