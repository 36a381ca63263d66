"""Metrics and logs, declared once for all processes."""
