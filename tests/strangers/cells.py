"""Pastes pages into a notebook, a block a cell, and runs it in a kernel of this environment."""

import sys
from typing import Any

import nbclient
import nbformat
from reader import ROOT, Block, Session, StumbledError, blocks, not_for_this, sections

import pages

# As the pages show the value of each expression, not of the last one alone.
FIRST = "from IPython import get_ipython\nget_ipython().ast_node_interactivity = 'all'"


def read(session: Session, wanted: list[list[Any]]) -> None:
    """Runs all Python blocks as cells; at the end, results have to show themselves in colour."""
    cells = [nbformat.v4.new_code_cell(FIRST)]
    pasted: list[Block] = []
    for name, headings in wanted:
        text = sections((ROOT / name).read_text(encoding="utf-8"), headings)
        for block in blocks(text, name):
            if block.language == "python" and not not_for_this(block.note, session.given):
                pasted.append(block)
                cells.append(nbformat.v4.new_code_cell(block.body))
    cells.append(nbformat.v4.new_code_cell("entities"))
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    try:
        nbclient.NotebookClient(made, timeout=600, kernel_name="python3").execute()
    except nbclient.exceptions.CellExecutionError as error:
        raise StumbledError(str(error)) from None
    for block, cell in zip(pasted, made.cells[1:-1], strict=True):
        printed = "".join(
            out["text"] for out in cell.outputs if out.output_type == "stream" and out["name"] == "stdout"
        )
        values = [out["data"]["text/plain"] for out in cell.outputs if out.output_type == "execute_result"]
        if block.shows is not None:
            got = printed or "".join(f"{value}\n" for value in values)
            pages.assert_shown(got, block.shows, not printed, 1e-3, block.place)
    shown = made.cells[-1].outputs[0]["data"].get("text/html", "")
    for word in ("Anna", "GIVEN_NAME", "Nothing to see here."):
        if word not in shown:
            raise StumbledError(f"a cell with `entities` shows no {word!r} in colour, but {shown[:80]!r}")
    session.counts["cells"] = len(pasted)
    print(f"kernel: {sys.executable}")
