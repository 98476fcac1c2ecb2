"""What Git hosts are told of a pull request: one comment, checks and deployment objects, written only when they would say something else."""
