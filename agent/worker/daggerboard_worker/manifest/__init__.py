"""The manifest: everything the control plane shows and decides about a location, as stable JSON without dagster classes."""
