"""What happens around Hugging Face models before and after the forward pass, in Rust.

`import fastpost` imports nothing: each public name brings its module, and NumPy, when it is first used. torch,
transformers and onnxruntime are imported by the pipelines that run on them.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastpost import metrics
    from fastpost import presidio as presidio
    from fastpost import ray as ray
    from fastpost import spacy as spacy
    from fastpost import spark as spark
    from fastpost._version import VERSION as __version__
    from fastpost.alignment.labels import align_labels, align_tokens, labels_to_spans, plan_windows, spans_to_labels
    from fastpost.alignment.offsets import OffsetMap, check_offsets
    from fastpost.answers.decoder import AnswerDecoder
    from fastpost.answers.predictions import postprocess_qa_predictions
    from fastpost.answers.result import Answers
    from fastpost.corpus.corpus import Corpus
    from fastpost.corpus.passes import CorpusStats, TextRecords
    from fastpost.encoding import Encoder, EncoderReport, Encodings
    from fastpost.entities.decoder import EntityDecoder
    from fastpost.entities.redact import Redaction, redact
    from fastpost.entities.render import render
    from fastpost.entities.result import Entities
    from fastpost.exceptions import CorpusError
    from fastpost.integrations.datasets import ner_udf
    from fastpost.models.batches import Padding
    from fastpost.models.model import Model
    from fastpost.pipelines.compare import Comparison, compare
    from fastpost.pipelines.open import pipeline
    from fastpost.pipelines.torch.question_answering import QuestionAnsweringPipeline
    from fastpost.pipelines.torch.registry import accelerate, install, uninstall
    from fastpost.pipelines.torch.token_classification import TokenClassificationPipeline
    from fastpost.tokenizers.train import WordCounts, train_new_from_iterator
    from fastpost.tokenizers.verify import verify_tokenizer
    from fastpost.types import TextEntities

    # Without its packages a name can't be imported, and `from fastpost import *` takes all names: see `__getattr__`.
    __all__ = [
        "AnswerDecoder",
        "Answers",
        "Comparison",
        "Corpus",
        "CorpusError",
        "CorpusStats",
        "Encoder",
        "EncoderReport",
        "Encodings",
        "Entities",
        "EntityDecoder",
        "Model",
        "OffsetMap",
        "Padding",
        "QuestionAnsweringPipeline",
        "Redaction",
        "TextEntities",
        "TextRecords",
        "TokenClassificationPipeline",
        "WordCounts",
        "__version__",
        "accelerate",
        "align_labels",
        "align_tokens",
        "check_offsets",
        "compare",
        "install",
        "labels_to_spans",
        "metrics",
        "ner_udf",
        "pipeline",
        "plan_windows",
        "postprocess_qa_predictions",
        "redact",
        "render",
        "spans_to_labels",
        "train_new_from_iterator",
        "uninstall",
        "verify_tokenizer",
    ]

_HOMES = {
    "AnswerDecoder": "fastpost.answers.decoder",
    "Answers": "fastpost.answers.result",
    "Comparison": "fastpost.pipelines.compare",
    "Corpus": "fastpost.corpus.corpus",
    "CorpusError": "fastpost.exceptions",
    "CorpusStats": "fastpost.corpus.passes",
    "TextRecords": "fastpost.corpus.passes",
    "Encoder": "fastpost.encoding",
    "EncoderReport": "fastpost.encoding",
    "Encodings": "fastpost.encoding",
    "Entities": "fastpost.entities.result",
    "EntityDecoder": "fastpost.entities.decoder",
    "Model": "fastpost.models.model",
    "OffsetMap": "fastpost.alignment.offsets",
    "Padding": "fastpost.models.batches",
    "QuestionAnsweringPipeline": "fastpost.pipelines.torch.question_answering",
    "Redaction": "fastpost.entities.redact",
    "TextEntities": "fastpost.types",
    "TokenClassificationPipeline": "fastpost.pipelines.torch.token_classification",
    "WordCounts": "fastpost.tokenizers.train",
    "accelerate": "fastpost.pipelines.torch.registry",
    "align_labels": "fastpost.alignment.labels",
    "align_tokens": "fastpost.alignment.labels",
    "check_offsets": "fastpost.alignment.offsets",
    "compare": "fastpost.pipelines.compare",
    "install": "fastpost.pipelines.torch.registry",
    "labels_to_spans": "fastpost.alignment.labels",
    "ner_udf": "fastpost.integrations.datasets",
    "pipeline": "fastpost.pipelines.open",
    "plan_windows": "fastpost.alignment.labels",
    "postprocess_qa_predictions": "fastpost.answers.predictions",
    "redact": "fastpost.entities.redact",
    "spans_to_labels": "fastpost.alignment.labels",
    "render": "fastpost.entities.render",
    "train_new_from_iterator": "fastpost.tokenizers.train",
    "uninstall": "fastpost.pipelines.torch.registry",
    "verify_tokenizer": "fastpost.tokenizers.verify",
}

_MODULES = ("metrics", "presidio", "ray", "spacy", "spark")
"""Public modules, each imported when it is first used; all but `metrics` need the package they are named for."""


def __getattr__(name: str) -> object:
    """Imports the module of a public name when the name is first used."""
    if name == "__all__":
        return [public for public in _public() if public not in _MODULES or public == "metrics"]
    if name == "__version__":
        from fastpost._version import VERSION

        value: object = VERSION
    elif name in _MODULES:
        value = _module(name)
    elif name in _HOMES:
        value = _value(name)
    else:
        raise AttributeError(f"module 'fastpost' has no attribute {name!r}")
    globals()[name] = value
    return value


def _value(name: str) -> object:
    try:
        return getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in ("transformers", "torch"):
            raise
        raise ImportError(f"fastpost.{name} needs {error.name}; pip install 'fastpost[transformers]'") from error


def _module(name: str) -> object:
    try:
        return importlib.import_module(f"fastpost.{name}")
    except ModuleNotFoundError as error:
        missing = (error.name or name).partition(".")[0]
        raise ImportError(f"fastpost.{name} needs {missing}; pip install 'fastpost[{name}]'") from error


def __dir__() -> list[str]:
    """The public names, without those whose package is not installed: `help` imports every name that is listed here."""
    return _public()


def _public() -> list[str]:
    return sorted(name for name in ("__version__", *_HOMES, *_MODULES) if _is_usable(name))


_PACKAGES = {
    "QuestionAnsweringPipeline": ("transformers", "torch"),
    "TokenClassificationPipeline": ("transformers", "torch"),
    "presidio": ("presidio_analyzer",),
    "ray": ("ray",),
    "spacy": ("spacy",),
    "spark": ("pyspark",),
}
"""The packages that a name needs at import; other names need none, or only when they are called."""


def _is_usable(name: str) -> bool:
    from importlib.util import find_spec

    return all(find_spec(package) is not None for package in _PACKAGES.get(name, ()))
