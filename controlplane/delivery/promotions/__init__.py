"""Promotions: code of one deployment deployed into another, tried, and taken back."""
