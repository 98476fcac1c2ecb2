"""Template tags: addresses, static files, and how values are shown."""
