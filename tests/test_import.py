"""What `import fastpost` costs and what it promises."""

import ast
import importlib.resources
import json
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastpost

HEAVY = (
    "torch",
    "transformers",
    "onnxruntime",
    "pyarrow",
    "tokenizers",
    "datasets",
    "tqdm",
    "onnx",
    "ray",
    "pyspark",
    "spacy",
    "presidio_analyzer",
)
PUBLIC = (
    "Redaction",
    "redact",
    "Entities",
    "EntityDecoder",
    "TokenClassificationPipeline",
    "accelerate",
    "install",
    "pipeline",
    "uninstall",
    "__version__",
)


def test_import_brings_nothing(python):
    loaded = json.loads(python("import fastpost, sys, json; print(json.dumps(sorted(sys.modules)))"))
    assert [name for name in (*HEAVY, "numpy") if name in loaded] == []


def test_decoder_takes_numpy_only(python):
    program = "import fastpost, sys, json; fastpost.EntityDecoder; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(python(program))
    assert "numpy" in loaded
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize(
    "absent", [(), ("torch",), ("transformers",), ("torch", "transformers", "pyarrow", "onnxruntime")]
)
def test_star_import_takes_what_is_there(python, absent):
    """It ended with an ImportError at the first name that needs a package which is absent."""
    script = f"""
import sys
sys.modules.update(dict.fromkeys({absent!r}))
from fastpost import *
print(*sorted(name for name in dir() if name[0] != "_" and name != "sys"), __version__ != "")
"""
    torch = [] if absent else ["QuestionAnsweringPipeline", "TokenClassificationPipeline"]
    modules = {"presidio", "ray", "spacy", "spark"}
    named = sorted({*names_for_type_checkers(), *torch} - modules - {"__version__"})
    assert python(script).split() == [*named, "True"]


def names_for_type_checkers():
    """The names that type checkers take for public, but those that need torch."""
    tree = ast.parse(Path(fastpost.__file__).read_text())
    lists = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]
    ]
    (names,) = map(ast.literal_eval, lists)
    return [name for name in names if name not in ("QuestionAnsweringPipeline", "TokenClassificationPipeline")]


def test_type_checkers_see_the_names_that_are_there():
    names = names_for_type_checkers()
    assert sorted([*names, "QuestionAnsweringPipeline", "TokenClassificationPipeline"]) == fastpost.__all__


def test_dir_and_decoders_need_no_transformers(python):
    script = """
import sys
sys.modules["torch"] = sys.modules["transformers"] = None
import fastpost
print(fastpost.EntityDecoder.__name__, sorted(dir(fastpost)) != [])
try:
    fastpost.TokenClassificationPipeline
except ImportError as error:
    print("ImportError", error)
"""
    out = python(script)
    assert out.startswith("EntityDecoder True")
    assert "ImportError" in out
    assert "transformers" in out


def test_public_names_are_there():
    for name in PUBLIC:
        assert hasattr(fastpost, name), name
    assert set(PUBLIC) <= {*fastpost.__all__, "__version__"}


def test_all_is_true():
    assert len(set(fastpost.__all__)) == len(fastpost.__all__)
    for name in fastpost.__all__:
        assert hasattr(fastpost, name), name


def test_dir_lists_what_is_public():
    assert set(fastpost.__all__) <= set(dir(fastpost))


def test_types_are_shipped():
    files = importlib.resources.files("fastpost")
    assert (files / "py.typed").is_file()
    assert (files / "_fastpost.pyi").is_file()


def test_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert fastpost.__version__ == version("fastpost")


def test_every_public_name_has_a_docstring():
    for name in PUBLIC:
        if name != "__version__":
            assert (getattr(fastpost, name).__doc__ or "").strip(), name


def test_unknown_names_raise_attribute_error():
    assert not hasattr(fastpost, "no_such_name")


@pytest.mark.parametrize(
    ("module", "missing"),
    [("ray", "pyarrow"), ("spark", "pyarrow"), ("presidio", "presidio_analyzer"), ("spacy", "spacy")],
)
def test_a_module_names_what_it_needs(python, module, missing):
    script = f"""
import sys
sys.modules[{missing!r}] = None
import fastpost
try:
    fastpost.{module}
except ImportError as error:
    print(error)
"""
    assert python(script) == f"fastpost.{module} needs {missing}; pip install 'fastpost[{module}]'\n"


def test_ray_and_spark_are_imported_by_their_users(python):
    """A worker needs pyarrow, not the engine that has started it, and no model before it is built."""
    script = "import fastpost, sys, json; fastpost.ray, fastpost.spark; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(python(script))
    assert {"fastpost.ray", "fastpost.spark"} <= set(loaded)
    assert [name for name in ("ray", "pyspark", "torch", "transformers", "onnxruntime") if name in loaded] == []


@pytest.mark.parametrize(
    ("use", "says"),
    [
        ("TokenClassificationPipeline", "fastpost.TokenClassificationPipeline needs transformers; "),
        ("QuestionAnsweringPipeline", "fastpost.QuestionAnsweringPipeline needs transformers; "),
        ('pipeline("ner", model="a/name")', "pipelines on torch need transformers; "),
        ('pipeline("question-answering", model="a/name")', "pipelines on torch need transformers; "),
        ("accelerate(len)", "pipelines on torch need transformers; "),
        ("install()", "pipelines on torch need transformers; "),
        ('ner_udf("a/name")({"text": ["one"]})', "pipelines on torch need transformers; "),
    ],
)
def test_what_needs_transformers_names_the_extra(python, use, says):
    script = f"""
import sys
sys.modules["transformers"] = None
import fastpost
try:
    fastpost.{use}
except ImportError as error:
    print(error)
"""
    assert python(script) == f"{says}pip install 'fastpost[transformers]'\n"


def test_features_of_a_dataset_need_datasets(python):
    script = """
import sys
sys.modules["datasets"] = None
import fastpost
try:
    fastpost.ner_udf("a/name").features()
except ImportError as error:
    print(error)
"""
    assert python(script) == "`features()` needs datasets; pip install datasets\n"


def test_dir_shows_what_is_public_and_only_that(python):
    """The names are the same before and after they are used; adding or removing a name changes this list."""
    script = "import fastpost; before = dir(fastpost); fastpost.EntityDecoder; print(before == dir(fastpost), *dir(fastpost))"
    same, *names = python(script).split()
    assert same == "True"
    everything = [
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
        "presidio",
        "ray",
        "redact",
        "render",
        "spacy",
        "spans_to_labels",
        "spark",
        "train_new_from_iterator",
        "uninstall",
        "verify_tokenizer",
    ]
    packages = {"presidio": "presidio_analyzer", "ray": "ray", "spacy": "spacy", "spark": "pyspark"}
    absent = {name for name, package in packages.items() if find_spec(package) is None}
    assert names == [name for name in everything if name not in absent]


def test_help_works_where_nothing_else_is_installed(python):
    """It used to raise ImportError at the first name that needs an absent package."""
    script = """
import sys
absent = ("torch", "transformers", "ray", "pyspark", "spacy", "presidio_analyzer")
sys.modules.update(dict.fromkeys(absent))
import inspect, pydoc
import fastpost
page = pydoc.plain(pydoc.render_doc(fastpost))
names = [name for name, _ in inspect.getmembers(fastpost)]
print("class EntityDecoder" in page, "TokenClassificationPipeline" in names, "spark" in names, "accelerate" in names)
try:
    fastpost.TokenClassificationPipeline
except ImportError as error:
    print(error)
"""
    assert python(script).splitlines() == [
        "True False False True",
        "fastpost.TokenClassificationPipeline needs transformers; pip install 'fastpost[transformers]'",
    ]


def test_tokenizers_of_transformers_need_no_torch(python):
    assert python("import sys, fastpost.models.transformers; print('torch' in sys.modules)").strip() == "False"
