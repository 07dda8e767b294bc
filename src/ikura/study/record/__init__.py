"""What is on disk of a study, readable without training: store, setting, trials, model."""
