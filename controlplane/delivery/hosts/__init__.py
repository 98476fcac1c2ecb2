"""Git hosts: one interface (base.py), GitHub and GitLab behind it."""
