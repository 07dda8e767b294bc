"""What a trained network is written as for others: a list of operations, ONNX, torch.export."""
