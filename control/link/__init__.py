"""The local socket between controller and gateways: snapshots down, revision by revision."""
