"""What outlives a process: tokens, quotas, contracts, orders and rollouts, in one database."""
