"""Pull requests: compared with their host, fetched, built and deployed."""
