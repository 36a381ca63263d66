"""Mutations of requests, one module for each part of a request that they change."""
