"""Embedded mode: Postgres and Redis from wheels, and the processes of one machine. No Django here: it starts fast."""
