"""The query API: its routes, events, downloads and problem details."""
