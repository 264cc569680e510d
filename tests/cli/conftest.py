"""What tests of the command line share."""

from __future__ import annotations

import json

import pytest

from plantain import cli


@pytest.fixture
def say(capsys):
    """Runs a command: exit code, JSON lines of stdout, lines of stderr."""

    def run(*words):
        code = cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err.splitlines()

    return run
