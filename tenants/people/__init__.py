"""People of an organization: invitations, members, teams, custom roles, grants, and what somebody may do and why."""
