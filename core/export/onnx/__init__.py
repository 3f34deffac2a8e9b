"""ONNX: standard operators only, sparse, run by onnxruntime anywhere."""
