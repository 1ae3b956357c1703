"""Windows are refused if they overlap so much that memory would grow with the product of window and text sizes."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

import fastpost
from onnx_models import LABELS, logits_table

WORDS = 2_000
TEXT = "Anna " * WORDS
SMALL = "Anna " * 500
"""So short that any overlap is taken."""
MARK = "a\u302eb "
"""What `fastpost.Encoder` sends back to tokenizers."""


def tokenizer(native=True):
    kept = Tokenizer(models.WordPiece({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "Anna": 4}, unk_token="[UNK]"))
    kept.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=True)
    kept.pre_tokenizer = pre_tokenizers.BertPreTokenizer() if native else pre_tokenizers.CharDelimiterSplit(" ")
    kept.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    kept.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    return kept


class Table:
    """Logits by token id."""

    def __init__(self, native=True):
        self.tokenizer, self.labels, self.max_length = tokenizer(native), list(LABELS), 258

    def runner(self, batch):
        return logits_table()[batch["input_ids"] % 5]


class Asked(Table):
    def runner(self, batch):
        scores = np.zeros(batch["input_ids"].shape, np.float32)
        return scores, scores


@pytest.mark.parametrize("native", [True, False])
def test_an_encoder_refuses_windows_without_end(native):
    encoder = fastpost.Encoder(tokenizer(native))
    assert encoder.report().native == native
    assert len(encoder.encode([TEXT], max_length=258, stride=251)) > 200  # 52 times over
    assert (
        len(encoder.encode([SMALL], max_length=258, stride=255)) > 240
    )  # in total less than the amount that is always accepted
    assert len(encoder.encode([TEXT], max_length=66, stride=63)) > 1900  # 64 times over, the limit
    for kwargs in ({"max_length": 258, "stride": 253}, {"max_length": 258, "stride": 255, "truncation_side": "left"}):
        with pytest.raises(
            ValueError, match=r"text 1: `stride` is 25\d, so that its \d+ tokens make .* pass a smaller"
        ) as bad:
            encoder.encode(["Anna", TEXT], **kwargs)
        assert (bad.value.argument, bad.value.text) == ("stride", 1)


@pytest.mark.parametrize("native", [True, False])
def test_each_window_with_each_other_of_a_pair_is_refused(native):
    encoder = fastpost.Encoder(tokenizer(native))
    with pytest.raises(ValueError, match=r'make windows of .* pass truncation="only_first" or "only_second"'):
        encoder.encode([TEXT], [TEXT], max_length=64, stride=8)
    with pytest.raises(ValueError, match="`stride`"):
        encoder.encode(["Anna"], [TEXT], max_length=258, stride=253, truncation="only_second")
    assert len(encoder.encode(["Anna"], [TEXT], max_length=64, stride=8, truncation="only_second")) > 30
    assert len(encoder.encode([SMALL[:400]], [SMALL[:400]], max_length=64, stride=8)) > 9


def test_a_text_that_is_sent_back_keeps_its_number():
    encoder = fastpost.Encoder(tokenizer())
    with pytest.raises(ValueError, match="text 2: `stride` is 254"):
        encoder.encode(["Anna", "Anna", MARK * WORDS], max_length=258, stride=254)
    assert encoder.encode([MARK], max_length=258, stride=254).text_index.tolist() == [0]
    assert encoder.report().sent_back


def test_a_plan_refuses_windows_without_end():
    words = np.arange(WORDS)
    assert len(fastpost.plan_windows(None, 256, 248, word_ids=[words]).start) > 200
    with pytest.raises(ValueError, match="text 1: `stride` is 255") as bad:
        fastpost.plan_windows(None, 256, 255, word_ids=[words[:500], words])
    assert (bad.value.argument, bad.value.text) == ("stride", 1)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("options", [{"compat": "fastpost"}, {"aggregation_strategy": "simple"}])
def test_pipelines_refuse_by_the_number_of_the_text(native, options):
    pipe = fastpost.pipeline("ner", model=Table(native), **options, stride=255)
    assert pipe(SMALL)
    texts = ["Anna"] * 600 + [TEXT]  # in a chunk after the first
    with pytest.raises(ValueError, match="text 600: `stride` is 255") as bad:
        pipe(texts)
    assert (bad.value.argument, bad.value.text) == ("stride", 600)
    got = []
    with pytest.raises(ValueError, match="text 600"):
        got.extend(iter(pipe(iter(texts))))
    assert len(got) == 600


@pytest.mark.parametrize("native", [True, False])
def test_the_torch_pipeline_refuses_as_well(native):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")

    class Zeros(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.config = transformers.BertConfig(id2label=dict(enumerate(LABELS)), vocab_size=8)
            self.weight, self.device, self.dtype = (
                torch.nn.Parameter(torch.zeros(1)),
                torch.device("cpu"),
                torch.float32,
            )

        def forward(self, input_ids, **_):
            return (torch.as_tensor(logits_table())[input_ids % 5],)

    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer(native), model_max_length=258, pad_token="[PAD]"
    )
    pipe = fastpost.TokenClassificationPipeline(
        model=Zeros(), tokenizer=fast, aggregation_strategy="simple", stride=255
    )
    with pytest.raises(ValueError, match="text 1: `stride` is 255"):
        pipe(["Anna", TEXT])


def test_questions_refuse_by_the_number_of_the_item():
    pipe = fastpost.pipeline("question-answering", model=Asked())
    many = {"max_seq_len": 258, "doc_stride": 253}
    with pytest.raises(ValueError, match="text 1: `doc_stride` is 253") as bad:
        pipe(question=["Anna"] * 2, context=[SMALL, TEXT], **many)
    assert (bad.value.argument, bad.value.text) == ("doc_stride", 1)
    assert pipe(question="Anna", context=TEXT, max_seq_len=258, doc_stride=200)


def test_looking_at_overlaps_leaves_the_tokenizer_as_it_was():
    from fastpost.encoding.overlap import check_overlap

    backend = tokenizer()
    backend.enable_truncation(7, stride=2)
    before = backend.truncation
    check_overlap(backend, ["Anna", MARK * 400], 256, 250, "longest_first", split=False)
    assert backend.truncation == before
    with pytest.raises(ValueError, match="`stride`"):
        check_overlap(backend, [MARK * WORDS], 256, 254, "longest_first", split=False)
    assert backend.truncation == before
