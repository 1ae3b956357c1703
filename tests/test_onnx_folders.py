"""ONNX folders as other exporters write them run, or fail with one line that names the folder, the input and the cure."""

import shutil

import numpy as np
import pytest

import fastpost
from fastpost.models.batches import Batching, Padding, Windows, forward
from onnx_models import FOUND, INPUTS, LABELS, TEXT, WORDS, small_tokenizer, write_folder

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

OPTIONS = {"aggregation_strategy": "simple", "compat": "fastpost", "decode": "argmax"}
LONG = " ".join([TEXT] * 40)


def load(folder, **options):
    return fastpost.pipeline("ner", model=folder, backend="onnxruntime", **{**OPTIONS, **options})


def spans(entities):
    return [(entity["entity_group"], entity["start"], entity["end"]) for entity in entities]


LONG_FOUND = [(label, start + at, end + at) for at in range(0, len(LONG), len(TEXT) + 1) for label, start, end in FOUND]

FOLDERS = {
    "as optimum writes it": {},
    "input_ids alone": {"inputs": ("input_ids",)},
    "no token types": {"inputs": ("input_ids", "attention_mask")},
    "no mask": {"inputs": ("input_ids", "token_type_ids")},
    "position_ids": {"inputs": (*INPUTS, "position_ids"), "positions": 64},
    "position_ids that count from the padding": {
        "inputs": ("input_ids", "attention_mask", "position_ids"),
        "positions": 64,
        "config": {"model_type": "roberta", "pad_token_id": 1},
    },
    "mask of float": {"types": {"attention_mask": "FLOAT"}},
    "mask of float16": {"types": {"attention_mask": "FLOAT16"}},
    "mask of bfloat16": {"types": {"attention_mask": "BFLOAT16"}},
    "mask of double": {"types": {"attention_mask": "DOUBLE"}},
    "mask of bool": {"types": {"attention_mask": "BOOL"}},
    "mask of int8": {"types": {"attention_mask": "INT8"}},
    "all of int32": {"types": dict.fromkeys(INPUTS, "INT32")},
    "token types of uint8": {"types": {"token_type_ids": "UINT8"}},
    "logits of bfloat16": {"output_type": "BFLOAT16"},
    "logits of float16": {"output_type": "FLOAT16"},
    "logits of double": {"output_type": "DOUBLE"},
    "logits and mask of bfloat16": {"output_type": "BFLOAT16", "types": {"attention_mask": "BFLOAT16"}},
    "logits by another name": {"output": "output_0"},
    "logits by TensorFlow's name": {"output": "logits:0"},
    "hidden states first": {"hidden": True},
    "a fixed length": {"shape": ("batch", 24)},
    "a fixed number of windows": {"shape": (3, "tokens")},
    "one window of a fixed length": {"shape": (1, 16)},
    "four windows of a fixed length, bfloat16": {"shape": (4, 16), "output_type": "BFLOAT16"},
    "a fixed length without padding token": {
        "shape": (2, 16),
        "settings": {"pad_token": None},
        "config": {"pad_token_id": None},
    },
    "no shape": {"shape": (None, None)},
    "names of Google's BERT": {"inputs": ("input_ids", "input_mask", "segment_ids")},
    "id2label as a list": {"config": {"id2label": list(LABELS)}},
    "label2id alone": {"config": {"id2label": None, "label2id": {name: n for n, name in enumerate(LABELS)}}},
    "label ids as text": {"config": {"id2label": None, "label2id": {name: str(n) for n, name in enumerate(LABELS)}}},
    "length as text": {"settings": {"model_max_length": "512"}},
    "length as a float": {"settings": {"model_max_length": 512.0}},
    "length of 1e30": {"settings": {"model_max_length": int(1e30)}},
    "fewer positions than the tokenizer says": {"positions": 64, "settings": {"model_max_length": 512}},
    "positions alone": {"positions": 64, "settings": {"model_max_length": None}},
    "positions as text": {
        "positions": 64,
        "config": {"max_position_embeddings": "64"},
        "settings": {"model_max_length": None},
    },
    "GPT's name of positions": {
        "positions": 64,
        "config": {"max_position_embeddings": None, "n_positions": 64},
        "settings": {"model_max_length": None},
    },
    "fewer tokens than positions": {"positions": 64, "settings": {"model_max_length": 20}},
    "no length at all": {"config": {"max_position_embeddings": None}, "settings": {"model_max_length": None}},
    "in onnx/": {"file": "onnx/model.onnx"},
    "quantised in onnx/": {"file": "onnx/model_quantized.onnx"},
    "pad_token as an object": {"settings": {"pad_token": {"content": "[PAD]", "lstrip": False}}},
    "RoBERTa with a pad_token_id of text": {"config": {"model_type": "roberta", "pad_token_id": "x"}},
    "a side that is none": {"settings": {"truncation_side": "up", "padding_side": "middle"}},
    "lengths that are none": {
        "config": {"max_position_embeddings": {"a": 1}},
        "settings": {"model_max_length": float("nan")},
    },
    "padding on the left": {"settings": {"padding_side": "left"}},
    "cut from the left": {"settings": {"truncation_side": "left", "model_max_length": 24}},
}


@pytest.mark.parametrize("name", FOLDERS)
def test_every_folder_gives_the_same_entities(tmp_path, name):
    pipe = load(write_folder(tmp_path, **FOLDERS[name]))
    assert spans(pipe(TEXT)) == FOUND
    texts = [TEXT, "", "Anna.", LONG, "Schmidt lives"]
    for batch_size in (1, 2, 3, 16):
        found = [spans(entities) for entities in pipe(texts, batch_size=batch_size)]
        assert found == [FOUND, [], [("PER", 0, 4)], LONG_FOUND, [("PER", 0, 7)]]
    assert not pipe(LONG).truncated


@pytest.mark.parametrize("name", FOLDERS)
def test_every_folder_loads_in_transformers_mode(tmp_path, name):
    pipe = fastpost.pipeline("ner", model=write_folder(tmp_path, **FOLDERS[name]), aggregation_strategy="simple")
    assert spans(pipe(TEXT)) == FOUND
    assert [spans(entities) for entities in pipe([TEXT, "Anna."], batch_size=2)] == [FOUND, [("PER", 0, 4)]]


def test_without_a_mask_no_padding_is_seen(tmp_path):
    """The model has no mask and would read padding as text, so a batch has windows of one length only."""
    pipe = load(write_folder(tmp_path, inputs=("input_ids",), mask_counts=True))
    texts = ["Anna.", TEXT, "Schmidt", "Anna lives in Berlin.", "Anna"]
    alone = [spans(pipe(text)) for text in texts]
    assert all(alone)
    assert [spans(entities) for entities in pipe(texts, batch_size=5)] == alone


def test_position_ids_are_those_of_each_window():
    seen = []

    def runner(batch):
        seen.append(batch)
        shape = batch["input_ids"].shape
        return lambda: np.zeros((*shape, 2), np.float32)

    windows = Windows(np.array([3, 5]), {"input_ids": np.arange(8)}, None)
    names = ("input_ids", "attention_mask", "position_ids")
    for left, first, want in [
        (False, 0, [[0, 1, 2, 3, 4], [0, 1, 2, 0, 0]]),
        (True, 0, [[0, 1, 2, 3, 4], [0, 0, 0, 1, 2]]),
        (False, 2, [[2, 3, 4, 5, 6], [2, 3, 4, 1, 1]]),
    ]:
        forward(windows, runner, Batching(2, Padding(names, 0, left, first_position=first)))
        assert seen[-1]["position_ids"].tolist() == want
        assert seen[-1]["position_ids"].dtype == np.int64


@pytest.mark.parametrize(
    ("options", "length"),
    [
        ({"positions": 64}, 64),
        ({"positions": 64, "settings": {"model_max_length": None}}, 64),
        ({"positions": 600, "settings": {"model_max_length": 512}}, 512),
        ({"positions": 514, "config": {"model_type": "xlm-roberta", "pad_token_id": 1}}, 512),
        ({"positions": 130, "config": {"model_type": "roberta", "pad_token_id": 1}}, 128),
        ({"shape": ("batch", 24)}, 24),
        ({"config": {"max_position_embeddings": None}, "settings": {"model_max_length": None}}, None),
        ({"config": {"max_position_embeddings": -1}, "settings": {"model_max_length": "many"}}, None),
        ({"settings": {"model_max_length": True}}, 512),
    ],
    ids=str,
)
def test_the_length_is_the_smallest_of_all_that_is_known(tmp_path, options, length):
    assert load(write_folder(tmp_path, **options)).model.model_max_length == length


REFUSED = {
    "decoder_input_ids": ({"inputs": (*INPUTS, "decoder_input_ids")}, "`decoder_input_ids`.*writes text.*export"),
    "pixel_values": ({"inputs": (*INPUTS, "pixel_values")}, "`pixel_values`.*images.*export"),
    "bbox": ({"inputs": (*INPUTS, "bbox")}, "`bbox`.*images.*export"),
    "past key values": ({"inputs": (*INPUTS, "past_key_values.0.key")}, "`past_key_values.0.key`.*token by token"),
    "an unknown input": ({"inputs": (*INPUTS, "visual_embeds")}, "`visual_embeds`.*tokenizer does not give"),
    "a mask of text": ({"inputs": ("input_ids", "attention_mask"), "rank": 4}, r"`attention_mask` of the shape"),
    "fewer labels than names": (
        {"columns": 4},
        "4 labels, but config.json names 5; pass the model that these names are of",
    ),
    "one label": ({"columns": 1}, "1 label, but config.json names 5; pass the model"),
    "more labels than names": ({"columns": 7}, "7 labels, but config.json names 5, and none for 5; .*id2label"),
    "a label without name": (
        {"config": {"id2label": {"0": "O", "1": "B-PER", "2": "I-PER", "3": "B-LOC", "5": "I-LOC"}}},
        "5 labels, but config.json names 5, and none for 4",
    ),
    "a name of null": ({"config": {"id2label": {**dict(enumerate(LABELS)), 1: None}}}, "id2label.*write an object"),
    "an id below 0": ({"config": {"id2label": {"-1": "O"}}}, "id2label.*write an object"),
    "logits of int": ({"output_type": "INT32"}, "logits of int32; export it"),
    "a length without room": ({"settings": {"model_max_length": 2}}, "read 2 tokens, of which 2 are special"),
    "a fixed length without room": ({"shape": ("batch", 2)}, "read 2 tokens, of which 2 are special"),
    "names of numbers": ({"config": {"id2label": 5}}, "id2label. 5"),
    "names with wrong ids": ({"config": {"id2label": {"x": "O"}}}, "id2label.*write an object"),
    "lengths that differ": ({"inputs": ("input_ids",), "shape": ("batch", 16), "lengths": 24}, "16 and 24 tokens"),
}


def declared(folder, rank=2, lengths=None, **options):
    """A folder whose declared shapes are changed afterwards."""
    import onnx

    write_folder(folder, **options)
    if rank == 2 and lengths is None:
        return folder
    model = onnx.load(folder / "model.onnx")
    if lengths is not None:  # an input that nothing reads, of another length
        kind = onnx.TensorProto.INT64
        model.graph.input.append(onnx.helper.make_tensor_value_info("token_type_ids", kind, ["batch", lengths]))
    for node in model.graph.input:
        for _ in range(rank - 2 if node.name == "attention_mask" else 0):
            node.type.tensor_type.shape.dim.add().dim_param = "more"
    onnx.save(model, str(folder / "model.onnx"))
    return folder


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_run_is_refused_in_one_line_when_it_is_loaded(tmp_path, name):
    options, message = REFUSED[name]
    folder = declared(tmp_path / "folder", **options)
    with pytest.raises(ValueError, match=message) as caught:
        load(folder)
    text = str(caught.value)
    assert str(folder) in text
    assert "\n" not in text
    assert len(text) < 400 + len(str(folder))


def test_a_model_of_another_task_is_refused_when_it_is_loaded(tmp_path):
    """Outputs of other tasks: one label for each text, as in sequence classification; hidden states, as in feature extraction."""
    import onnx

    folder = write_folder(tmp_path / "sequence")
    model = onnx.load(folder / "model.onnx")
    model.graph.node[-1].output[0] = "all"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1], np.int64), "axis_one"))
    model.graph.node.append(onnx.helper.make_node("ReduceSum", ["all", "axis_one"], ["logits"], keepdims=0))
    dims = model.graph.output[0].type.tensor_type.shape.dim
    del dims[1]
    onnx.save(model, str(folder / "model.onnx"))
    with pytest.raises(ValueError, match=r"sequence.*logits of shape \(1, 5\).*export it for this task"):
        load(folder)
    folder = write_folder(tmp_path / "hidden", output="last_hidden_state", columns=9)
    with pytest.raises(ValueError, match=r"hidden.*9 labels, but config.json names 5, and none for 5"):
        load(folder)
    with pytest.raises(ValueError, match=r"gives logits .*not start_logits, end_logits"):
        fastpost.pipeline("question-answering", model=write_folder(tmp_path / "ner"), backend="onnxruntime")


def test_a_file_that_is_no_model(tmp_path):
    folder = write_folder(tmp_path)
    for content, message in [
        (b"", "can't be loaded by ONNX Runtime"),
        (b"not a model at all", "can't be loaded by ONNX Runtime.*export it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "pointer of Git LFS"),
    ]:
        (folder / "model.onnx").write_bytes(content)
        with pytest.raises(ValueError, match=message) as caught:
            load(folder)
        assert str(folder / "model.onnx") in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_file_that_is_no_json(tmp_path, file):
    folder = write_folder(tmp_path)
    (folder / file).write_text('{"model_type": ')
    with pytest.raises(ValueError, match=r"can't be read|is not JSON") as caught:
        load(folder)
    assert str(folder / file) in str(caught.value)


def test_a_graph_that_fails_on_longer_texts_names_the_cure(tmp_path):
    """config.json promises 512 positions, the graph has 16."""
    folder = write_folder(tmp_path, positions=16, config={"max_position_embeddings": 512})
    pipe = load(folder)
    assert spans(pipe(TEXT)) == FOUND
    with pytest.raises(RuntimeError, match=r"model.onnx fails on 1 window of \d+ tokens.*model_max_length") as caught:
        pipe(LONG)
    assert "\n" not in str(caught.value)
    assert spans(pipe(LONG, max_length=16)) == LONG_FOUND


def test_a_tokenizer_of_another_model_is_told(tmp_path):
    folder = write_folder(tmp_path)
    tokenizer = small_tokenizer()
    tokenizer.add_tokens(["extra"])
    with pytest.raises(RuntimeError, match="pass its own tokenizer"):
        load(folder, tokenizer=tokenizer)("extra words")


def test_several_files_are_named(tmp_path):
    folder = write_folder(tmp_path, file="onnx/model_fp16.onnx")
    write_folder(tmp_path, file="onnx/model_int8.onnx")
    with pytest.raises(
        ValueError, match=r"onnx/model_fp16.onnx, onnx/model_int8.onnx; choose one with `file_name`"
    ) as e:
        load(folder)
    assert str(folder) in str(e.value)
    assert spans(load(folder, file_name="model_int8.onnx")(TEXT)) == FOUND
    assert spans(load(folder, file_name="onnx/model_int8.onnx")(TEXT)) == FOUND
    with pytest.raises(FileNotFoundError, match=r"model_int4.onnx"):
        load(folder, file_name="model_int4.onnx")
    write_folder(tmp_path)
    assert load(folder).model.path == folder / "model.onnx"


def test_the_subfolder_and_its_file_find_the_configuration_above(tmp_path):
    folder = write_folder(tmp_path, file="onnx/model.onnx")
    for model in (folder / "onnx", folder / "onnx" / "model.onnx", str(folder / "onnx")):
        assert spans(load(model)(TEXT)) == FOUND
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.move(folder / file, folder / "onnx" / file)
    assert spans(load(folder / "onnx")(TEXT)) == FOUND


@pytest.mark.parametrize("model", ["", None, 5, b"model"])
def test_what_is_no_folder(model):
    with pytest.raises((ValueError, FileNotFoundError), match="`model` is"):
        fastpost.pipeline("ner", model=model, backend="onnxruntime")


# --- what a pipeline of transformers has ------------------------------------------------------------


def test_attributes_are_those_of_transformers(tmp_path):
    folder = write_folder(tmp_path)
    pipe = load(folder)
    assert pipe.task == "token-classification"
    assert pipe.model.config.id2label == dict(enumerate(LABELS))
    assert pipe.model.config["model_type"] == pipe.model.config.model_type == "bert"
    assert not hasattr(pipe.model.config, "nothing")
    assert pipe.tokenizer.encode("Anna").ids == [2, WORDS.index("anna"), 3]
    assert (str(pipe.device), pipe.device.type, pipe.device.index) == ("cpu", "cpu", None)
    assert pipe.device == "cpu" != pipe.device.index
    assert pipe.labels == ("PER", "LOC")
    assert pipe.report()["path"] == "fastpost"
    shown = repr(pipe)
    assert str(folder / "model.onnx") in shown
    assert "cpu" in shown
    assert "aggregation_strategy='simple', compat='fastpost'" in shown
    assert "0x" not in shown


def test_a_type_that_is_called_o_is_among_the_labels(tmp_path):
    names = {str(number): name for number, name in enumerate(["O", "B-PER", "I-PER", "B-O", "I-O"])}
    write_folder(tmp_path, config={"id2label": names})
    for compat, labels, found in (
        ("fastpost", ("PER", "O"), [("PER", "Anna Schmidt"), ("O", "Berlin")]),
        ("transformers", ("PER",), [("PER", "anna schmidt")]),
    ):
        pipe = fastpost.pipeline("ner", str(tmp_path), compat=compat, aggregation_strategy="simple")
        assert pipe.labels == labels
        assert [(entity["entity_group"], entity["word"]) for entity in pipe(TEXT)] == found


def test_num_workers_is_taken_and_not_needed(tmp_path):
    pipe = load(write_folder(tmp_path), num_workers=2)
    assert spans(pipe(TEXT, num_workers=1)) == FOUND


def test_an_unknown_argument_names_the_choices(tmp_path):
    folder = write_folder(tmp_path)
    with pytest.raises(TypeError, match=r"unexpected argument `dtype`; choose one of .*device, .*file_name.*own types"):
        load(folder, dtype="float16")
    with pytest.raises(
        TypeError,
        match="unexpected argument `strategy` \\(did you mean `aggregation_strategy`\\?\\); choose one of aggregation",
    ):
        load(folder, strategy="simple")
    with pytest.raises(TypeError, match="unexpected argument `strategy`"):
        load(folder)(TEXT, strategy="simple")


# --- windows ------------------------------------------------------------------------------------


def test_max_length_makes_shorter_windows(tmp_path):
    pipe = load(write_folder(tmp_path))
    whole, short = pipe(LONG), pipe(LONG, max_length=16)
    assert spans(short) == spans(whole) == LONG_FOUND
    assert whole.windows == 1
    assert short.windows > 20
    assert load(pipe.model.path.parent, max_length=16)(LONG).windows == short.windows
    assert pipe(LONG, max_length=16, stride=0).windows < short.windows
    with pytest.warns(UserWarning, match="the model's 16 tokens and was cut"):
        assert pipe(LONG, max_length=16, on_long_text="truncate").truncated
    with pytest.raises(ValueError, match="more than the 16 tokens"):
        pipe(LONG, max_length=16, on_long_text="error")


@pytest.mark.parametrize(
    ("length", "error", "message"),
    [
        (513, ValueError, "`max_length` is 513, but the model reads 512 tokens"),
        (2**63, ValueError, "but the model reads 512"),
        (2, ValueError, "2 tokens of a window are special"),
        (0, ValueError, "`max_length` is 0"),
        (-1, ValueError, "`max_length` is -1"),
        (True, TypeError, "`max_length` is True"),
        ("16", TypeError, "`max_length` is '16'"),
        (16.0, TypeError, "`max_length` is 16.0"),
    ],
)
def test_a_max_length_that_makes_no_sense(tmp_path, length, error, message):
    folder = write_folder(tmp_path)
    with pytest.raises(error, match=message):
        load(folder, max_length=length)
    with pytest.raises(error, match=message):
        load(folder)(TEXT, max_length=length)


def test_max_length_is_of_own_mode(tmp_path):
    with pytest.raises(ValueError, match='`max_length` is 16 and `compat` is "transformers"'):
        fastpost.pipeline("ner", model=write_folder(tmp_path), max_length=16)


def test_a_stride_wider_than_a_window(tmp_path):
    with pytest.raises(ValueError, match="`stride` is 14 but a window of 16 tokens holds 14"):
        load(write_folder(tmp_path), max_length=16, stride=14)


# --- questions ------------------------------------------------------------------------------------


def question_folder(folder, name="start_logits", shape=("batch", "tokens"), together=False):
    """Start and end logits that find "berlin", as two outputs or as one with two columns."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    write_folder(folder, inputs=("input_ids", "attention_mask"), shape=shape)
    table = np.zeros((len(WORDS), 2), np.float32)
    table[WORDS.index("berlin")] = 9
    end = name.replace("start", "end")
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["found"]),
             helper.make_node("Cast", ["attention_mask"], ["used"], to=TensorProto.FLOAT),
             helper.make_node("Mul", ["used", "nothing"], ["none"]),
             helper.make_node("Unsqueeze", ["none", "last_axis"], ["wide"]),
             helper.make_node("Add", ["found", "wide"], ["logits" if together else "both"])]  # fmt: skip
    outputs = [("logits", [*shape, 2])]
    if not together:
        nodes.append(helper.make_node("Split", ["both"], ["first", "second"], axis=2, num_outputs=2))
        nodes += [
            helper.make_node("Squeeze", [one, "last_axis"], [out]) for one, out in (("first", name), ("second", end))
        ]
        outputs = [(name, list(shape)), (end, list(shape))]
    constants = [("table", table), ("last_axis", np.array([-1])), ("nothing", np.array(0, np.float32))]
    graph = helper.make_graph(
        nodes,
        "answers",
        [helper.make_tensor_value_info(one, TensorProto.INT64, list(shape)) for one in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info(one, TensorProto.FLOAT, dims) for one, dims in outputs],
        [numpy_helper.from_array(value, one) for one, value in constants],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(folder / "model.onnx")
    )
    return folder


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"name": "start_out"},
        {"name": "start_logits:0"},
        {"together": True},
        {"shape": (2, 20)},
        {"shape": (1, 16), "together": True},
    ],
    ids=str,
)
def test_questions_over_every_folder(tmp_path, options):
    pipe = fastpost.pipeline("question-answering", model=question_folder(tmp_path, **options), backend="onnxruntime")
    answer = pipe(question="Anna lives in", context=TEXT, doc_stride=2)
    assert (answer["answer"], answer["start"]) == ("Berlin", 22)
    many = pipe(question="Anna", context=[TEXT, "Berlin.", LONG], batch_size=3, doc_stride=2)
    assert [one["answer"] for one in many] == ["Berlin"] * 3
    assert (pipe.task, pipe.device) == ("question-answering", "cpu")
    assert str(tmp_path) in repr(pipe)


def test_a_window_longer_than_the_graph(tmp_path):
    pipe = fastpost.pipeline(
        "question-answering", model=question_folder(tmp_path, shape=(1, 16)), backend="onnxruntime"
    )
    with pytest.raises(ValueError, match="`max_seq_len` is 64, but the model was exported for 16"):
        pipe(question="Anna", context=TEXT, max_seq_len=64)
    with pytest.raises(TypeError, match=r"unexpected argument `top_kk` \(did you mean `top_k`\?\); choose one of "):
        pipe(question="Anna", context=TEXT, top_kk=3)


def test_device_none_is_the_default_as_in_transformers(tmp_path):
    pipe = fastpost.pipeline("ner", model=write_folder(tmp_path), device=None)
    assert pipe.device.type == "cpu"
