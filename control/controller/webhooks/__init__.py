"""Webhooks: other services are asked whether a rollout may go on, and told of it."""
