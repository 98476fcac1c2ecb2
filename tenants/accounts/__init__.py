"""How people sign in: allauth's adapters, e-mail, sessions and their ends, and what of it the audit log keeps."""
