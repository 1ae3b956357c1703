"""A program as users write it, for mypy in strict mode: what a type checker tells them about results.

It is not run. `make lint` checks it; an expression whose type gets weaker is an error here.
"""

from collections.abc import Iterator
from typing import assert_type

import numpy as np
import numpy.typing as npt

import fastpost
from fastpost import metrics
from fastpost.types import Answer, Entity, EntityRow, Token

logits = np.zeros((1, 5, 4), np.float32)
offsets = [[(0, 5), (6, 13), (14, 19), (20, 22), (23, 29)]]
text = "Sarah Johnson lives in London"

decoder = fastpost.EntityDecoder(["O", "B-PER", "I-PER", "B-LOC"], threshold={"PER": 0.5}, decode="viterbi")
entities = decoder.decode(logits, offsets=offsets, texts=[text])
assert_type(entities, fastpost.Entities)
assert_type(entities.start, npt.NDArray[np.int64])
assert_type(entities.score, npt.NDArray[np.float32])
assert_type(len(entities), int)
assert_type(entities.filter(label=["PER"], score=0.5), fastpost.Entities)
assert_type(entities.to_dicts(), list[list[EntityRow]])
assert_type(entities[0], list[EntityRow])
for row in entities:
    assert_type(row["word"], str | None)  # without texts there are no words
    assert_type(row["entity_group"], str)

redaction = fastpost.redact(text, entities)
assert_type(redaction, fastpost.Redaction)
assert_type(redaction.text, str)
assert_type(redaction.restore("[PER_1]"), str)
fastpost.redact([text], [[(0, 13, "PER")]], replace=lambda entity: "*")

answers = fastpost.AnswerDecoder(top_k=2).decode(
    logits[..., 0], logits[..., 1], contexts=[text], offsets=offsets, sequence_ids=[[1, 1, 1, 1, 1]]
)
assert_type(answers, fastpost.Answers)

corpus = fastpost.Corpus(["one text", "another"], batch_size=2)
for batch in corpus:
    assert_type(batch, list[str])

encoder = fastpost.Encoder("folder")
encoded = encoder.encode([text], max_length=128, stride=32)
assert_type(encoded, fastpost.Encodings)

found = metrics.f1_score([["B-PER", "O"]], [["B-PER", "O"]])
print(found)

ner = fastpost.pipeline("ner", model="folder", compat="fastpost")
for found_entity in ner("Anna"):
    assert_type(found_entity, Entity)
    assert_type(found_entity["word"], str)
    assert_type(found_entity["start"], int)
    assert_type(found_entity.get("index"), tuple[int, int] | None)
    print(found_entity["entity_group"], found_entity["score"], range(found_entity["start"], found_entity["end"]))
assert_type(ner(["Anna", "Bob"]), list[fastpost.TextEntities])
assert_type(ner("Anna").covered, tuple[int, int])
assert_type(ner("Anna").truncated, bool)
assert_type(ner("Anna")[0], Entity)
assert_type(ner.scheme, str | None)
both = fastpost.pipeline("ner", "folder", aggregation_strategy="simple", compat="fastpost")
assert_type(both("Anna"), fastpost.TextEntities)
assert_type(fastpost.pipeline("ner", "folder", aggregation_strategy="simple")("Anna"), list[Entity])
assert_type(fastpost.pipeline("token-classification", "folder")(["Anna"]), list[list[Token]])
assert_type(ner(text for text in ("Anna", "Bob")), Iterator[fastpost.TextEntities])

reader = fastpost.pipeline("question-answering", model="folder")
assert_type(reader(question="Who?", context="Anna."), Answer)
ranking = fastpost.pipeline("question-answering", model="folder", compat="fastpost")
assert_type(ranking(question="Who?", context="Anna.", top_k=3), list[Answer])
assert_type(ranking(question=["Who?"], context="Anna."), list[list[Answer]])
assert_type(answers.to_dicts(), list[list[Answer]] | list[Answer | list[Answer]])
