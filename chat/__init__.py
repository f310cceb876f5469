"""Prosa: a multi-model AI chat that people host themselves."""
