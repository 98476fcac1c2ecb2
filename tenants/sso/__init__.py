"""Single sign-on of an organization: its connections to identity providers, its domains, and whom they may sign in."""
