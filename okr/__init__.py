"""The OKR store: objectives, key results, updates, alerts and their tasks."""
