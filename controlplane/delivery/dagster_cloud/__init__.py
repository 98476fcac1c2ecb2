"""The GraphQL that the public `dagster-cloud` command line speaks, so that its pipelines work here with another address."""
