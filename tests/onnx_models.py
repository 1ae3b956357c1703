"""Small ONNX folders as exporters write them. Logits are looked up by token id, so the results are known."""

import json

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "anna", "schmidt", "lives", "in", "berlin", ".")
TEXT = "Anna Schmidt lives in Berlin."
FOUND = [("PER", 0, 12), ("LOC", 22, 28)]
_BY_WORD = {"anna": 1, "schmidt": 2, "berlin": 3}
COUNT = len(LABELS)
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def small_tokenizer():
    """Words of `WORDS` between [CLS] and [SEP]."""
    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(list(WORDS[:4]))
    return tokenizer


def logits_table(columns=COUNT):
    """Logits by token id."""
    table = np.zeros((len(WORDS), columns), np.float32)
    table[:, 0] = 6
    for word, label in _BY_WORD.items():
        table[WORDS.index(word), 0] = 0
        if label < columns:
            table[WORDS.index(word), label] = 8
    return table


def write_folder(
    folder,
    *,
    inputs=INPUTS,
    types=None,
    shape=("batch", "tokens"),
    output="logits",
    output_type="FLOAT",
    hidden=False,
    positions=None,
    mask_counts=False,
    columns=COUNT,
    config=None,
    settings=None,
    file="model.onnx",
):
    """Writes config.json, tokenizer.json, tokenizer_config.json and a model.

    Args:
        folder: where they are written.
        inputs: names of the model's inputs; all are used.
        types: ONNX's types of inputs that are not INT64.
        shape: of the inputs; numbers fix a size.
        output: the name of the logits.
        output_type: ONNX's type of the logits.
        hidden: whether the model has hidden states as an output before the logits.
        positions: the size of the position table; more tokens fail, as with BERT. `position_ids` index it if they
            are an input.
        mask_counts: whether a token with the id 0 anywhere in a window makes all of it outside: padding shows.
        columns: labels of the logits.
        config, settings: additional keys of config.json and tokenizer_config.json; None leaves a key out.
        file: name of the model's file.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    types = types or {}
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["looked_up"])]
    constants = [numpy_helper.from_array(logits_table(columns), "table")]
    constants += [numpy_helper.from_array(np.array([-1], np.int64), "last_axis")]
    constants += [numpy_helper.from_array(np.array(0, np.float32), "nothing")]
    last = "looked_up"

    def add(name, node_inputs, kind, **more):
        nodes.append(helper.make_node(kind, node_inputs, [name], **more))
        return name

    def plus(values):
        return add(f"sum_{len(nodes)}", [last, values], "Add")

    if positions:
        constants.append(numpy_helper.from_array(np.zeros((positions, columns), np.float32), "places"))
        if "position_ids" in inputs:
            add("int_positions", ["position_ids"], "Cast", to=TensorProto.INT64)
            last = plus(add("placed", ["places", "int_positions"], "Gather"))
        else:
            for name, value in (("zero", 0), ("one", 1)):
                constants.append(numpy_helper.from_array(np.array(value, np.int64), name))
            add("count", [add("shape", ["input_ids"], "Shape"), "one"], "Gather")
            last = plus(add("placed", ["places", add("range", ["zero", "count", "one"], "Range")], "Gather"))
    for name in inputs[1:]:
        values = add(f"float_{name}", [name], "Cast", to=TensorProto.FLOAT)
        weighed = add(f"none_{name}", [values, "nothing"], "Mul")
        last = plus(add(f"wide_{name}", [weighed, "last_axis"], "Unsqueeze"))
    if mask_counts:
        constants.append(numpy_helper.from_array(np.array([1], np.int64), "tokens_axis"))
        constants.append(numpy_helper.from_array(np.array([1] + [0] * (columns - 1), np.float32), "first_label"))
        ids = add("is_pad", [add("float_ids", ["input_ids"], "Cast", to=TensorProto.FLOAT), "nothing"], "Equal")
        pads = add(
            "pads", [add("float_pad", [ids], "Cast", to=TensorProto.FLOAT), "tokens_axis"], "ReduceSum", keepdims=1
        )
        wide = add("wide_pads", [pads, "last_axis"], "Unsqueeze")
        last = plus(add("drowned", [add("heavy", [wide, "hundred"], "Mul"), "first_label"], "Mul"))
        constants.append(numpy_helper.from_array(np.array(100, np.float32), "hundred"))
    kind = getattr(TensorProto, output_type)
    nodes.append(helper.make_node("Cast", [last], [output], to=kind))
    outputs = [helper.make_tensor_value_info(output, kind, [*shape, columns])]
    if hidden:
        nodes.append(helper.make_node("Concat", ["looked_up", "looked_up"], ["hidden"], axis=2))
        outputs.insert(0, helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [*shape, 2 * columns]))
    declared = [
        helper.make_tensor_value_info(name, getattr(TensorProto, types.get(name, "INT64")), list(shape))
        for name in inputs
    ]
    graph = helper.make_graph(nodes, "lookup", declared, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / file))
    write_texts(folder, config, settings, positions)
    return folder


def write_texts(folder, config=None, settings=None, positions=None):
    """The JSON files of a folder."""
    whole = {"model_type": "bert", "id2label": {str(number): name for number, name in enumerate(LABELS)},
             "max_position_embeddings": positions or 512, "pad_token_id": 0, **(config or {})}  # fmt: skip
    kept = {name: value for name, value in whole.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))
    small_tokenizer().save(str(folder / "tokenizer.json"))
    whole = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
             "model_max_length": 512, **(settings or {})}  # fmt: skip
    kept = {name: value for name, value in whole.items() if value is not None}
    (folder / "tokenizer_config.json").write_text(json.dumps(kept))
