"""The façade: what users call, above everything that it needs."""
