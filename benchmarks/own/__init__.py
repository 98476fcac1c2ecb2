"""Daggerboard's own figures, measured from outside on a whole installation."""
