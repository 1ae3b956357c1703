"""What runs in a stranger's environment: pastes pages, then tries what the persona tries.

python paste.py '{"pages": [["docs/ways.md", ["ONNX Runtime"]]], "given": {"MODEL": "..."}, "notebook": false, "then": ""}'
"""

import json
import os
import sys
from pathlib import Path

from reader import Session, StumbledError


def stay_inside() -> None:
    """The package that is tried is the one that was installed, not this clone's."""
    import fastpost

    if not Path(fastpost.__file__).is_relative_to(sys.prefix):
        raise StumbledError(f"fastpost was read from {fastpost.__file__}, not from {sys.prefix}")


def main() -> int:
    """Reads the pages; 1 if something stopped the reader."""
    task = json.loads(sys.argv[1])
    session = Session(Path.cwd(), task["given"])
    try:
        stay_inside()
        if task["notebook"]:
            import cells  # it needs what only that persona brings

            cells.read(session, task["pages"])
        else:
            for name, wanted in task["pages"]:
                session.read(name, wanted)
        if task["then"]:
            code, got = session.shell.run("set -e\n" + task["then"])
            if code:
                raise StumbledError(f"what was tried afterwards ends with code {code}:\n{task['then']}\n{got}")
            print(got, end="")
    except StumbledError as error:
        print(error)
        return 1
    finally:
        session.shell.close()
    print(", ".join(f"{count} {language}" for language, count in session.counts.items()) or "no blocks", "pasted")
    for one in session.skipped:
        print("  left out:", one.replace("\n", " "))
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # Ray and Spark leave threads behind that would keep the process
