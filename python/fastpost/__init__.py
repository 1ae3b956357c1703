"""What happens around Hugging Face models before and after the forward pass, in Rust.

`import fastpost` imports nothing: each public name brings its module, and NumPy, when it is first used. torch,
transformers and onnxruntime are imported by the pipelines that run on them.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastpost import metrics
    from fastpost._fastpost import VERSION as __version__
    from fastpost.answers import AnswerDecoder, Answers
    from fastpost.corpus import Corpus, CorpusError, CorpusStats
    from fastpost.entities import Entities, EntityDecoder, TextEntities
    from fastpost.pipelines.install import accelerate, install, pipeline, uninstall
    from fastpost.pipelines.question_answering import QuestionAnsweringPipeline
    from fastpost.pipelines.token_classification import TokenClassificationPipeline
    from fastpost.squad import postprocess_qa_predictions
    from fastpost.training import WordCounts, train_new_from_iterator, verify_tokenizer

_HOMES = {
    "AnswerDecoder": "fastpost.answers",
    "Answers": "fastpost.answers",
    "Corpus": "fastpost.corpus",
    "CorpusError": "fastpost.corpus",
    "CorpusStats": "fastpost.corpus",
    "Entities": "fastpost.entities",
    "EntityDecoder": "fastpost.entities",
    "QuestionAnsweringPipeline": "fastpost.pipelines.question_answering",
    "TextEntities": "fastpost.entities",
    "TokenClassificationPipeline": "fastpost.pipelines.token_classification",
    "WordCounts": "fastpost.training",
    "accelerate": "fastpost.pipelines.install",
    "install": "fastpost.pipelines.install",
    "pipeline": "fastpost.pipelines.install",
    "postprocess_qa_predictions": "fastpost.squad",
    "train_new_from_iterator": "fastpost.training",
    "uninstall": "fastpost.pipelines.install",
    "verify_tokenizer": "fastpost.training",
}

__all__ = [
    "AnswerDecoder",
    "Answers",
    "Corpus",
    "CorpusError",
    "CorpusStats",
    "Entities",
    "EntityDecoder",
    "QuestionAnsweringPipeline",
    "TextEntities",
    "TokenClassificationPipeline",
    "WordCounts",
    "__version__",
    "accelerate",
    "install",
    "metrics",
    "pipeline",
    "postprocess_qa_predictions",
    "train_new_from_iterator",
    "uninstall",
    "verify_tokenizer",
]


def __getattr__(name: str) -> object:
    """Imports the module of a public name when the name is first used."""
    if name == "__version__":
        from fastpost._fastpost import VERSION

        value: object = VERSION
    elif name == "metrics":
        value = importlib.import_module("fastpost.metrics")
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'fastpost' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
