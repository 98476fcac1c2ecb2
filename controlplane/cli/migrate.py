"""`daggerboard migrate`, as a process of its own: Django with the owner's connection."""

import os

import django


def main() -> None:
    """Apply every migration and the grants."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")
    django.setup()
    from controlplane.core.migrating import migrate

    migrate()


if __name__ == "__main__":
    main()
