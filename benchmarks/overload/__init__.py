"""What reaches its caller in time when more is asked than the model can do."""
