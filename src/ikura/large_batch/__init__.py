"""Large batches without loss: how far a batch can grow, with which settings, and the comparison that shows it."""
