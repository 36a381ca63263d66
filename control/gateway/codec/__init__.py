"""Between bytes and tensors: KServe v2 JSON and binary, /generate, compression."""
