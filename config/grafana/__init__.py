"""Grafana: the boards as code, the dashboards made of them, and what provisions them.

`python -m config.grafana` writes `dashboards/*.json` anew; a test holds the files to the code. The boards show what the
history says (`connectors/influx_schema.py`): limits, signals and indices are the stored ones, none is computed here.
"""
