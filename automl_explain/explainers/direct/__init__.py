"""Explainers of the model itself: by its trees, its weights, its gradients, or its predictions."""
