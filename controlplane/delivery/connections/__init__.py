"""Connections to Git hosts, their repositories and their webhooks."""
