"""Credentials: API tokens, JWTs and the keys that sign them."""
