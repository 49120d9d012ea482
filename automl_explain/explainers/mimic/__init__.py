"""Explainers through a surrogate."""
