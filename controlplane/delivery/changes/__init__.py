"""What a branch deployment changes: results side by side, and materializing what changed."""
