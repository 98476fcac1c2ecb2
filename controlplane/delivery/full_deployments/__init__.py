"""Full deployments: made, copied and deleted."""
