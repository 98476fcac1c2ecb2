"""Automation conditions: one evaluation of a deployment, over what can have changed and nothing else."""
