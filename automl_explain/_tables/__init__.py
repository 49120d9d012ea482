"""Tables of others made ours: schema, encoding, decoding, and rows of any container."""
