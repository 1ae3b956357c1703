"""The batch engine in use: streams that are left and resumed, threads, forks, errors in the middle."""

import copy
import functools
import itertools
import os
import pickle
import threading

import numpy as np
import pytest
import torch
import transformers
from transformers.modeling_outputs import TokenClassifierOutput

import fastpost
from oracle import lookup_model, peer
from small_tokenizers import SENTENCES as TRAINED_ON
from small_tokenizers import fast

LABELS = ("O", "B-PER", "I-PER", "LOC")
SENTENCES = list(TRAINED_ON)
pytestmark = pytest.mark.filterwarnings("ignore")


def pipes(**kwargs):
    """fastpost's pipeline and transformers' on one model."""
    tokenizer = fast("wordpiece-uncased", 512)
    theirs = peer(lookup_model(LABELS, len(tokenizer)), tokenizer, aggregation_strategy="simple", **kwargs)
    return fastpost.accelerate(theirs), theirs


def words(results):
    return [[entity["word"] for entity in text] for text in results]


def test_a_stream_is_taken_up_where_it_was_left():
    mine, theirs = pipes()
    texts = SENTENCES * 6
    stream = mine((text for text in texts), batch_size=4)
    got = list(itertools.islice(stream, 3))
    for result in stream:
        got.append(result)
        if len(got) == 7:
            break
    assert words([*got, *stream]) == words(theirs(texts))


def test_results_of_a_dataset_can_be_read_twice():
    mine, _ = pipes()

    class Texts(torch.utils.data.Dataset):
        def __len__(self):
            return len(SENTENCES)

        def __getitem__(self, index):
            return SENTENCES[index]

    results = mine(Texts(), batch_size=2)
    assert list(results) == list(results)
    assert len(results) == len(SENTENCES)


def test_the_consumer_may_use_the_tokenizer():
    mine, theirs = pipes()
    texts = [" ".join(SENTENCES[: 1 + number % 5]) for number in range(30)]
    want = words(theirs(texts))
    got = []
    for result in mine((text for text in texts), batch_size=2):
        got.append(result)
        mine.tokenizer("Hugging Face", truncation=True, max_length=3)
    assert words(got) == want


def test_threads_with_settings_of_their_own_share_a_pipeline():
    mine, _ = pipes()
    mine.tokenizer.model_max_length = 24
    text = " ".join(SENTENCES)
    want = {stride: mine(text, stride=stride) for stride in (2, 4, 8)}
    wrong = []

    def work(stride):
        for _ in range(30):
            if mine(text, stride=stride) != want[stride]:
                wrong.append(stride)

    threads = [threading.Thread(target=work, args=(stride,)) for stride in want]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_stream_goes_on_in_a_forked_process(python):
    """With TOKENIZERS_PARALLELISM=true, tokenizers itself hangs in a forked process; if unset, it turns parallelism off there."""
    program = """
import os, sys
sys.path.insert(0, "tests")
from test_engine import SENTENCES, pipes
mine, _ = pipes()
stream = iter(mine((text for text in SENTENCES * 40), batch_size=8))
next(stream)
child = os.fork()
if child == 0:
    os._exit(0 if sum(1 for _ in stream) == len(SENTENCES) * 40 - 1 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert python(program, TOKENIZERS_PARALLELISM="false").strip() == "0"


def test_a_worker_may_outlive_the_main_thread(python):
    program = """
import sys, threading, time
sys.path.insert(0, "tests")
from test_engine import SENTENCES, pipes
mine, _ = pipes()
def serve():
    time.sleep(0.3)
    print(len(mine(SENTENCES[:5], batch_size=2)))
threading.Thread(target=serve).start()
"""
    assert python(program).strip() == "5"


def test_no_more_than_two_batches_are_read_before_the_first_result():
    mine, _ = pipes()
    read = []
    stream = mine((read.append(text) or text for text in SENTENCES * 20), batch_size=8)
    next(stream)
    assert len(read) <= 16


@pytest.mark.parametrize("bad", ["raise", 5, "lone \ud800 surrogate"])
def test_results_before_an_error_come_out(bad):
    mine, _ = pipes()

    def texts():
        for number in range(40):
            if number == 21 and bad == "raise":
                raise RuntimeError("the source failed")
            yield bad if number == 21 else SENTENCES[0]

    stream = mine(texts(), batch_size=8)
    assert len(list(itertools.islice(stream, 21))) == 21
    with pytest.raises((RuntimeError, ValueError, TypeError)) as caught:
        next(stream)
    assert bad == "raise" or "text 21 of the input" in str(caught.value)


def test_a_bad_text_of_a_long_list_is_named_by_its_number():
    mine, _ = pipes()
    with pytest.raises(ValueError, match="text 700 of the input"):
        mine([SENTENCES[0]] * 700 + [None])


def test_a_bad_row_of_logits_is_named_by_its_text():
    mine, _ = pipes()
    rare = mine.tokenizer("Sylvain")["input_ids"][1]
    mine.model.table = mine.model.table.clone()
    mine.model.table[rare] = np.nan
    with pytest.raises(ValueError, match=r"text 600 of the input.*NaN"):
        mine(["work"] * 600 + ["Sylvain"])


def test_a_model_that_loses_rows_is_refused():
    mine, _ = pipes()
    forward = mine.model.forward
    mine.model.forward = lambda **inputs: TokenClassifierOutput(logits=forward(**inputs).logits[:1])
    with pytest.raises(ValueError, match=r"shape .* for a batch of 4 windows"):
        mine(SENTENCES[:1] * 4, batch_size=4)


def test_a_label_without_a_name_matters_only_when_predicted():
    mine, theirs = pipes()
    table = torch.cat([mine.model.table, torch.full((len(mine.model.table), 2), -50.0)], dim=1)
    mine.model.table = table
    assert words(mine(SENTENCES)) == words(theirs(SENTENCES))
    mine.model.table = table.clone()
    mine.model.table[:, -1] = 90.0
    with pytest.raises(KeyError, match="id2label"):
        mine(SENTENCES)


def counted(function):
    """Wraps a method as tracing tools do, which copies its module and name."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return [{**entity, "seen": True} for entity in function(*args, **kwargs)]

    return wrapper


def test_a_wrapped_step_counts_as_overridden():
    _, theirs = pipes()

    class Mine(transformers.TokenClassificationPipeline):
        postprocess = counted(transformers.TokenClassificationPipeline.postprocess)

    class Fast(fastpost.TokenClassificationPipeline):
        postprocess = counted(fastpost.TokenClassificationPipeline.postprocess)

    for kind in (Mine, Fast):
        pipe = kind(model=theirs.model, tokenizer=theirs.tokenizer, device=-1, aggregation_strategy="simple")
        for one in (pipe, fastpost.accelerate(pipe)):
            found = one(" ".join(SENTENCES))
            assert found
            assert all(entity.get("seen") for entity in found)


def test_parameters_only_transformers_knows_take_the_original_path():
    mine, theirs = pipes()
    for pipe in (mine, theirs):
        pipe._preprocess_params["tokenizer_params"] = {"max_length": 6, "add_special_tokens": False}
    text = " ".join(SENTENCES)
    assert words([mine(text)]) == words([theirs(text)])


@pytest.mark.parametrize("kind", ["wordpiece-uncased", "byte-level", "unigram"])
def test_added_tokens_are_printed_as_transformers_prints_them(kind):
    tokenizer = fast(kind, 512)
    tokenizer.add_tokens(["Sylvain", "Café"])
    theirs = peer(lookup_model(LABELS, len(tokenizer)), tokenizer, aggregation_strategy="none", ignore_labels=[])
    mine = fastpost.accelerate(theirs)
    texts = ["My name is Sylvain at Café Brooklyn.", *SENTENCES]
    assert words(mine(texts)) == words(theirs(texts))


def test_pipelines_and_decoders_are_pickled_and_copied_after_use():
    mine, _ = pipes()
    want = mine(SENTENCES)
    assert copy.deepcopy(mine)(SENTENCES) == want
    decoder = fastpost.EntityDecoder(LABELS, compat="transformers", aggregation_strategy="none", threads=1)
    logits, texts = np.eye(4, dtype=np.float32)[None] * 5, ["abcd"]
    offsets = [[(0, 1), (1, 2), (2, 3), (3, 4)]]
    want = decoder.decode(logits, offsets=offsets, texts=texts).to_dicts()
    for twin in (pickle.loads(pickle.dumps(decoder)), copy.deepcopy(decoder)):
        assert twin.decode(logits, offsets=offsets, texts=texts).to_dicts() == want


@pytest.mark.parametrize("windows", [[2**40], [2**63 - 1], [-1]])
def test_a_window_of_no_text_is_refused(windows):
    decoder = fastpost.EntityDecoder(["O", "A"], compat="transformers")
    with pytest.raises(ValueError, match=r"windows\[0\]"):
        decoder.decode(np.zeros((1, 3, 2), np.float32), windows=windows)


def test_lengths_that_overflow_are_refused():
    decoder = fastpost.EntityDecoder(["O", "A", "B"], compat="transformers")
    with pytest.raises(ValueError, match="lengths"):
        decoder.decode(np.zeros((3, 3), np.float32), lengths=[2**62] * 3 + [2**62 + 3])
