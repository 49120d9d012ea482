"""Importance of features to how well a model scores."""
