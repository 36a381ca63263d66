"""The HTTP/1.1 front that every Seawall process listens with."""
