"""How the committed weights of the example models were made."""
