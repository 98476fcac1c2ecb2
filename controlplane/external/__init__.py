"""What other systems report: events of assets, and processes elsewhere that work for a run."""
