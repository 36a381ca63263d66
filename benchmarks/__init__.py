"""Measures Seawall against what it stands beside: Triton with nothing in front, and Envoy."""
