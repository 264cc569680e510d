"""`plantain --install-completion`, tried in a shell."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from plantain.cli import main


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_verbs_and_options(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for _ in range(2):
        assert main(["--install-completion", "--shell", "bash"]) == 0
    (script,) = tmp_path.rglob("completions/plantain")
    assert (tmp_path / ".bashrc").read_text().count("[ -f") == 1
    typed = {"lab": "label", "bat": "batch", "label --corr": "--corrections", "bench rob": "robustness"}
    for words, wanted in typed.items():
        place = len(words.split())
        ask = f'source {script}; COMP_WORDS=(plantain {words}); COMP_CWORD={place}; _plantain; echo "${{COMPREPLY[@]}}"'
        said = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True).stdout.split()
        assert said == [wanted]
