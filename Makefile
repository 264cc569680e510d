# make setup   a virtual environment in .venv, with the versions of constraints.txt
# make demo    paints and reads three real photographs; answers and a sheet go to out/demo
# make test    style, types, doctests and tests (EXTRAS=dev leaves torch, and so the tests of training, out)
# make extras  proves that the versions of constraints.txt and every extra go together (downloads, installs nothing)
# make docs    makes the generated pages and pictures that need neither data nor hours
# make results DATA=...  makes the others from the folder of labelled photographs (hours)
# make mutants changes the code in 300 places, one at a time, and says which changes no test notices (hours)
# make lines   counts the lines of code, now and before the layout of today
# make wheel   builds the wheel, installs it in an empty environment and answers offline
PYTHON ?= python3
EXTRAS ?= dev,train
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: setup demo test extras docs results mutants lines wheel clean

setup: .venv/base

.venv/base: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/extras: .venv/base
	$(PIP) install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

demo: .venv/base
	$(BIN)/python examples/demo.py --out out/demo

test: .venv/extras
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal \
		--doctest-modules --doctest-ignore-import-errors tests src/plantain

extras: .venv/base
	$(PIP) install --quiet --dry-run --constraint constraints.txt --requirement constraints.txt --editable '.[all,dev,mutants]'
	@echo "every extra installs with the versions of constraints.txt"

docs: .venv/extras
	$(BIN)/python benchmarks/pages.py
	$(BIN)/python benchmarks/asking.py -o docs/asking.md

results: .venv/extras
	$(BIN)/python benchmarks/pages.py --data $(DATA)

mutants: .venv/extras
	$(PIP) install --quiet --constraint constraints.txt --editable '.[mutants]'
	$(BIN)/python benchmarks/mutants.py

lines:
	$(PYTHON) benchmarks/lines_of_code.py f27c452

wheel: .venv/base
	rm -rf dist .venv/empty
	$(PIP) wheel --quiet --no-deps --wheel-dir dist .
	$(PYTHON) -m venv .venv/empty
	.venv/empty/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt dist/*.whl
	@ls -l dist
	HTTPS_PROXY=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 .venv/empty/bin/plantain \
		src/plantain/samples/coffee.jpg "metric depth" --redo -o out/wheel

clean:
	rm -rf .venv out dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
