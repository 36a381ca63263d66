"""What protects versions at the gateway: places, memory, breakers, tries, reuse, fallbacks."""
