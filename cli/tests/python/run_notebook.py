"""Runs a notebook to its end, with its kernel in a folder of its own; ends with the first cell's error, if there is one.

    run_notebook.py NOTEBOOK FOLDER    pictures are written to FOLDER
"""

import base64
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def main(path: Path, folder: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs") and not cell.get("execution_count"), f"{path} holds outputs: clear them"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [(cell.id, output) for cell in notebook.cells for output in cell.get("outputs", [])]
    complaints = [output["text"] for _, output in outputs if output.get("name") == "stderr"]
    assert not complaints, complaints
    pictures = [(name, output["data"]["image/png"]) for name, output in outputs if "image/png" in output.get("data", {})]
    for name, picture in pictures:
        (folder / f"{name}.png").write_bytes(base64.b64decode(picture))
    print(f"{len(notebook.cells)} cells, pictures: {' '.join(name for name, _ in pictures)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
