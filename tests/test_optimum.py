"""Folders as `optimum-cli` writes them: laid out by hand for `make test`, by optimum itself for `make test-neighbours`."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import fastpost
from conftest import ROOT
from fastpost.integrations.reader import EntityReader

TEXTS = ["My name is Anna Schmidt and I live in London.", "", "Call Bob Stone on 217-555-0182."]
FILES = ("config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
QUANTIZED = {
    "one_external_file": True,
    "opset": None,
    "optimization": {},
    "quantization": {"activations_dtype": "QUInt8", "format": "QOperator", "is_static": False, "mode": "IntegerOps"},
    "use_external_data_format": False,
}
LAYOUTS = {
    "export onnx": ("model.onnx",),
    "with a folder of its own": ("onnx/model.onnx",),
    "onnxruntime quantize": ("model_quantized.onnx", "ort_config.json"),
    "quantize, in a folder of its own": ("onnx/model_quantized.onnx", "ort_config.json"),
    "onnxruntime optimize": ("model_optimized.onnx", "ort_config.json"),
    "as the hub has it": ("onnx/model.onnx", "onnx/model_quantized.onnx", "onnx/model_fp16.onnx"),
}
OPTIMUM = ROOT / ".cache" / "optimum"


def lay_out(folder, rampart_dir, files):
    for name in FILES:
        shutil.copy(rampart_dir / name, folder / name)
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        if name.endswith(".json"):
            (folder / name).write_text(json.dumps(QUANTIZED))
        else:
            shutil.copy(rampart_dir / "onnx" / "model_q4.onnx", folder / name)
    return folder


def read(folder, **options):
    return fastpost.pipeline("ner", folder, backend="onnxruntime", aggregation_strategy="average", **options)(TEXTS)


@pytest.mark.parametrize("files", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(rampart_dir, tmp_path, files):
    folder = lay_out(tmp_path, rampart_dir, files)
    assert read(folder) == read(rampart_dir)
    assert EntityReader(str(folder))(TEXTS) == EntityReader(rampart_dir)(TEXTS)


def test_one_of_several_files(rampart_dir, tmp_path):
    folder = lay_out(tmp_path, rampart_dir, ("model_optimized.onnx", "model_quantized.onnx"))
    with pytest.raises(
        ValueError, match=r"holds model_optimized\.onnx, model_quantized\.onnx; choose one with `file_name`"
    ):
        read(folder)
    assert read(folder, file_name="model_quantized.onnx") == read(rampart_dir)
    (folder / "model_optimized.onnx").write_bytes(b"")
    assert read(folder, file_name="model_quantized.onnx") == read(rampart_dir)


def test_a_model_of_torch_is_preferred_where_both_are(rampart_torch_dir, rampart_dir, tmp_path):
    shutil.copytree(rampart_torch_dir, tmp_path, dirs_exist_ok=True)
    lay_out(tmp_path, rampart_dir, ("onnx/model.onnx",))
    assert EntityReader(str(tmp_path))._pipe.model.config.num_labels == 35
    assert type(EntityReader(str(tmp_path), backend="onnxruntime")._pipe).__name__ == "OnnxTokenClassificationPipeline"


@pytest.mark.neighbours
@pytest.mark.skipif(not OPTIMUM.exists(), reason="`make test-neighbours` installs optimum")
def test_what_optimum_writes(rampart_torch_dir, tmp_path):
    """Exports and quantizes the real model; the entities are those of torch."""

    def optimum(*arguments):
        path = os.pathsep.join([str(OPTIMUM), str(ROOT / ".cache" / "transformers-4.57")])
        command = [sys.executable, "-m", "optimum.commands.optimum_cli", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr

    exported, quantized = tmp_path / "exported", tmp_path / "quantized"
    optimum("export", "onnx", "--model", rampart_torch_dir, "--task", "token-classification", exported)
    optimum("onnxruntime", "quantize", "--avx2", "--onnx_model", exported, "-o", quantized)
    assert {path.name for path in exported.iterdir()} == {"model.onnx", *FILES}
    assert {path.name for path in quantized.iterdir()} == {"model_quantized.onnx", "ort_config.json", *FILES}

    want = EntityReader(str(rampart_torch_dir))(TEXTS)
    got = EntityReader(str(exported))(TEXTS)
    assert [[one[:3] for one in found] for found in got] == [[one[:3] for one in found] for found in want]
    scores = [[one.score for found in rows for one in found] for rows in (got, want)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)
    assert {"Anna", "Schmidt"} <= {TEXTS[0][one.start : one.end] for one in EntityReader(str(quantized))(TEXTS)[0]}
