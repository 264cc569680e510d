"""Schemathesis asks the server everything that its own OpenAPI schema allows, and much that it does not.

    pip install schemathesis
    python benchmarks/api_schema.py [--examples 40]

Against a server with jobs, whose painter is a line of Python. Exit code 1 where a response has another status, form or
header than the schema says, or is an error of the server's own. Left out is the check that whatever fits the schema is
accepted: no schema says which words are a question, or which bytes a picture.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import uvicorn

from plantain.models.painters.function import Function
from plantain.pipeline.predictor import wrap
from plantain.serve.app import create_app
from plantain.serve.settings import Settings


def gray(photo, _prompt, _seed):
    """A painting of any question."""
    return np.full((64, 64, 3) if photo is None else photo.shape, 128, np.uint8)


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--examples", type=int, default=40, help="of each path")
    given = args.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app = create_app({"gray": wrap(Function(gray, name="gray"))}, Settings(state=Path(folder)))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"http://127.0.0.1:{port}/openapi.json"]
        command += ["--max-examples", str(given.examples), "--generation-deterministic"]
        code = subprocess.run([*command, "--exclude-checks", "positive_data_acceptance"], cwd=folder).returncode
        server.should_exit = True
        thread.join()
    return 1 if code else 0


if __name__ == "__main__":
    sys.exit(main())
