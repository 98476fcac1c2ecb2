"""The tasks of the queue `evaluator`: ids in, evaluation called."""
