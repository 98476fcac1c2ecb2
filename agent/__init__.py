"""The Daggerboard agent: polls a control plane and runs real Dagster code on this machine."""
