"""The archive that everything saved is written to and read from."""
