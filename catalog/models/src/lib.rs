//! Model packs on disk, and ONNX Runtime sessions built strictly from them.
