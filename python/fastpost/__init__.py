"""What happens around Hugging Face models before and after the forward pass, in Rust.

`import fastpost` needs NumPy only; torch, transformers and onnxruntime are imported when they are used.
"""

from typing import TYPE_CHECKING

from fastpost._fastpost import VERSION as __version__
from fastpost.entities import Entities, EntityDecoder
from fastpost.pipelines.install import accelerate, install, pipeline, uninstall

if TYPE_CHECKING:
    from fastpost.pipelines.token_classification import TokenClassificationPipeline

__all__ = [
    "Entities",
    "EntityDecoder",
    "TokenClassificationPipeline",
    "__version__",
    "accelerate",
    "install",
    "pipeline",
    "uninstall",
]


def __getattr__(name: str) -> object:
    """The names that need transformers, imported when they are first used."""
    if name == "TokenClassificationPipeline":
        from fastpost.pipelines.token_classification import TokenClassificationPipeline

        return TokenClassificationPipeline
    raise AttributeError(f"module 'fastpost' has no attribute {name!r}")
