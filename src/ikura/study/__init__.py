"""The study: the loop, the store, resuming, the result. Import from its modules, or from `ikura`."""
