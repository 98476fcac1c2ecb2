"""A full deployment's configuration as one YAML document: written, compared, applied (docs/config-as-code.md)."""
