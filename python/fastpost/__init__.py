"""What happens around Hugging Face models before and after the forward pass, in Rust.

`import fastpost` needs NumPy only; torch, transformers and onnxruntime are imported when they are used.
"""

from fastpost._fastpost import VERSION as __version__
from fastpost.entities import Entities, EntityDecoder

__all__ = ["Entities", "EntityDecoder", "__version__"]
