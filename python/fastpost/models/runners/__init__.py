"""Runners: a batch of arrays in, logits out. The only folder that imports torch or onnxruntime."""
