"""Branch deployments: how they open, sleep, wake and end; their REST."""
