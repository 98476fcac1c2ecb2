"""The figures of the design, measured on a whole installation, and Dagster's own beside them. See docs/benchmarks.md."""
