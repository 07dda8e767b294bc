"""Large batches: what they cost in accuracy, what brings it back, and the measures behind both."""
