"""History that is kept no longer: whole weeks are dropped where nobody needs them, single deployments' rows leave in bites."""
