"""Learning from traffic: bounded sketches of inputs, and contracts proposed from them."""
