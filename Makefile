# Every target first sets up .venv (pip, pinned by constraints.txt) and installs QEMU through apt where it is missing.

PYTHON ?= python3
BIN := .venv/bin
# Two workers; one that runs out of tests takes some from the other, for single tests take from nothing to minutes.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: demo test fuzz faults soak lint calibrate notebooks abi reference docs setup model qemu clean

demo: .venv/.ready qemu ## predict a scenario, measure it on the kernel, compare
	$(BIN)/rayos demo

test: lint ## everything that must hold before a change is merged
	$(PYTEST)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy

fuzz: setup ## a million mutated inputs for every reader of files from elsewhere, in Python and in the kernel; hours
	$(BIN)/python -m tests.fuzz

faults: setup ## faults of the platform in whole commands: QEMU killed at 100 instants, signals, full disks, damaged caches
	$(BIN)/python -m tests.faults

soak: setup ## soaks and failures of the specification at full length, on both systems; hours
	RAYOS_FULL_SOAK=1 $(PYTEST) -vv --durations=0 tests/spec/test_soak.py tests/spec/test_failure.py

calibrate: setup ## fit the model's parameters anew
	$(BIN)/rayos calibrate

notebooks: setup ## execute every notebook
	@status=0; for source in notebooks/*.py; do [ -e "$$source" ] || continue; \
		echo "$$source"; $(BIN)/jupytext --quiet --to ipynb "$$source" && \
		$(BIN)/jupyter-execute --inplace "$${source%.py}.ipynb" || status=1; done; exit $$status

abi: setup ## generate rayos_model/contract/abi.py from kernel/abi.h
	$(BIN)/python -m tests.support.abi_generator

reference: setup ## generate the reference pages of docs/ from the code
	$(BIN)/python docs/generate.py

docs: setup ## build the documentation as a site, into site/
	$(BIN)/mkdocs build --strict --quiet

setup: .venv/.ready qemu model

# Compiled where there is what that takes, and interpreted where not; at once if its sources are what they were.
model: .venv/.ready
	@$(BIN)/python -m rayos_model.toolchain.model_build

.venv/.ready: pyproject.toml constraints.txt
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,notebook,docs]'
	touch $@

qemu:
	@command -v qemu-system-x86_64 >/dev/null || { \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -q && $$sudo apt-get install -q -y --no-install-recommends qemu-system-x86; }

clean:
	rm -rf build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
