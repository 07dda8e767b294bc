"""Large batches without loss: how far a batch can grow, with which settings, and the measures behind them."""
