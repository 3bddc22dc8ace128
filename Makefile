# Every target works as the first command in a fresh clone: it makes .venv and installs what it
# needs. Nothing is installed outside this folder.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
CODE   := graphc frontend backends tests examples benchmarks

.PHONY: demo test test-slow test-gpu test-keras test-machine test-aarch64 check format bench bench-all bench-gpu clean

demo: $(VENV)/demo.stamp
	$(RUN) -m graphc demo --out out

# JOBS: processes that share the tests.
JOBS ?= 2
test: $(VENV)/dev.stamp
	$(RUN) -m pytest -n $(JOBS) --dist worksteal

test-slow: $(VENV)/dev.stamp
	$(RUN) -m pytest -m slow

# GPU=triton_interpret rehearses these tests where there is no GPU. Some take minutes there, and who
# looks at the stack of a thread that runs may crash it.
GPU ?= triton_gpu
test-gpu: $(VENV)/dev.stamp
	$(RUN) -m pytest -m gpu --gpu-target $(GPU) -o faulthandler_timeout=0 tests/triton_gpu/on_gpu

# KERAS_PYTHON: the Python of an environment that has Keras.
test-keras: $(VENV)/dev.stamp
	$(RUN) -m pytest -m keras tests/keras

# The tests of the CPU backend with the features of another machine of the same kind.
MACHINE ?= x86-64-v3
test-machine: $(VENV)/dev.stamp
	GRAPHC_MACHINE=$(MACHINE) $(RUN) -m pytest tests/llvm_cpu

# Debian: apt-get install qemu-user gcc-aarch64-linux-gnu
test-aarch64: $(VENV)/dev.stamp
	$(RUN) -m pytest -m qemu tests/llvm_cpu/foreign

check: $(VENV)/dev.stamp build/typecheck
	$(RUN) -m ruff format --check $(CODE)
	$(RUN) -m ruff check $(CODE)
	$(RUN) -m pyright

format: $(VENV)/dev.stamp
	$(RUN) -m ruff format $(CODE)
	$(RUN) -m ruff check --fix $(CODE)

# PEERS: a folder of environments with other frameworks (benchmarks/README.md).
OTHERS := $(if $(PEERS),--environments $(PEERS))
bench: $(VENV)/dev.stamp
	$(RUN) -m benchmarks $(OTHERS) $(BENCH)

bench-gpu: $(VENV)/dev.stamp
	$(RUN) -m benchmarks.gpu $(OTHERS) $(BENCH)

bench-all: bench
	$(RUN) -m benchmarks.first_step $(OTHERS)
	$(RUN) -m benchmarks.threads
	$(RUN) -m benchmarks.scaling $(OTHERS)
	for row in "W5" "W5 --batch 1" "W5 --train" "W6" "W7" "W7 --train"; do \
	  $(RUN) -m benchmarks.kernels $$row --save || exit 1; \
	done

clean:
	rm -rf build out $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip

$(VENV)/demo.stamp: $(VENV)/bin/python pyproject.toml
	$(RUN) -m pip install --quiet -e ".[demo]"
	touch $@

$(VENV)/dev.stamp: $(VENV)/bin/python pyproject.toml
	$(RUN) -m pip install --quiet -e ".[demo,test,dev,gpu]"
	touch $@

# Installed, the three folders are one package. Type checkers read files, so they are shown that
# package as a folder of links.
.PHONY: build/typecheck
build/typecheck:
	@rm -rf $@
	@for file in $$(find graphc frontend backends -name '*.py'); do \
	  case $$file in graphc/*) link=$@/$$file;; *) link=$@/graphc/$$file;; esac; \
	  mkdir -p $$(dirname $$link) && ln -s $(CURDIR)/$$file $$link; \
	done
