"""SCIM 2.0: an identity provider manages the members and teams of one organization."""
