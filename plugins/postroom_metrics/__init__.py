"""Metrics and health over HTTP: /metrics in Prometheus form, /livez, /readyz."""
