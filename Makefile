# Two commands for a fresh clone: make quickstart, make test. Everything happens inside $(VENV).
VENV ?= .venv
ifeq ($(OS),Windows_NT)
PYTHON ?= python
else
PYTHON ?= python3
endif
WORKERS ?= 2

# Installs what is missing, then runs the rest of the line with the environment's Python.
RUN = "$(PYTHON)" scripts/install.py --venv "$(VENV)"

.PHONY: help install quickstart test matrix gpu fuzz soak benchmark lint clean

help:
	@echo "make quickstart   install, train three models on the bundled corpus, compare them, translate (10 minutes)"
	@echo "make test         install the test extra, run the tests"
	@echo "make matrix       test with every Python at hand, with the lowest and the newest packages (20 minutes a Python)"
	@echo "make gpu          hold a CUDA device against the CPU"
	@echo "make fuzz         try tens of thousands of broken configs, texts and models (10 minutes)"
	@echo "make soak         run the long and exhaustive tests"
	@echo "make benchmark    measure training, decoding, start-up and preparing (docs/performance.md; an hour, on an idle machine)"
	@echo "make lint         check the style"
	@echo "make install      only create the environment and install the package"
	@echo "make clean        remove .venv, caches and build leftovers; runs/ stays"
	@echo ""
	@echo "VENV=folder       use this environment; it is created where there is none (now $(VENV))"
	@echo "PYTHON=program    create the environment with this Python, 3.10 or newer (now $(PYTHON))"
	@echo "WORKERS=number    processes that run the tests (now $(WORKERS))"
	@echo "MATRIX=options    of make matrix, such as '--python 3.12 --versions newest'"
	@echo "BENCHMARK=options of make benchmark, such as '--only train --peer joeynmt=PYTHON'"

install:
	$(RUN)

quickstart:
	$(RUN) -- scripts/quickstart.py

test:
	$(RUN) --extra test -- -m pytest -n $(WORKERS) -m "not soak"

matrix:
	$(RUN) --extra matrix -- scripts/matrix.py --workers $(WORKERS) $(MATRIX)

gpu: export NMT_GPU ?= 0
gpu:
	$(RUN) --extra test -- -m pytest tests/gpu

fuzz: export NMT_FUZZ = long
fuzz:
	$(RUN) --extra test -- -m pytest tests/fuzz -n $(WORKERS)

soak:
	$(RUN) --extra test -- -m pytest -n $(WORKERS) -m soak

benchmark:
	$(RUN) -- scripts/benchmark $(BENCHMARK)

lint:
	$(RUN) --extra lint -- -m ruff check .

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache
	find nmt tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
