# make          build everything into .venv of this checkout
# make run      start a relay on a free port and show it delivering mail (ONCE=1: stop after the show)
# make test     the tests;  make crash|fuzz|interop: their longer kinds
# make sanitize|checked     the tests of the cores on a build of that kind, made apart so that the release build stays
PYTHON ?= python3
VENV := .venv
POSTDROP_CFLAGS := -O2 -Wall -Wextra -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -pie
PIP := $(VENV)/bin/pip --disable-pip-version-check -q

.PHONY: all drivers build run test crash fuzz interop sanitize bench compare gate gate-accept gate-proof sim checked apart clean
all: build

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install "setuptools>=77" wheel "cython>=3.1,<4"
	$(PIP) install --no-build-isolation --config-settings editable_mode=compat -e ".[test]"
	touch $@

build: $(VENV)/.ready
	$(VENV)/bin/python setup.py -q build_ext --inplace -j 2
	$(MAKE) -s $(VENV)/bin/postdrop

$(VENV)/bin/postdrop: ext/postdrop/postdrop.c
	$(CC) $(POSTDROP_CFLAGS) -o $@ $<

run: build
	$(VENV)/bin/python -m pyfix.commands.demo $(if $(ONCE),--once,)

test: build
	$(VENV)/bin/python -m pytest -m "not crash and not fuzz and not interop and not gate" $(PYTEST)

crash: build
	$(VENV)/bin/python -m pytest -m crash $(PYTEST)

fuzz: build
	$(VENV)/bin/python -m pytest -m fuzz $(PYTEST)

# the drivers of mysql:, pgsql:, ldap: and mongodb: (the tests of a table whose driver can't be installed are skipped)
drivers: build
	-$(PIP) install "PyMySQL>=1.1" "psycopg[binary]>=3.1" "pymongo>=4.9"
	-$(PIP) install "python-ldap>=3.4"

interop: drivers
	$(VENV)/bin/python -m pytest -m interop $(PYTEST)

bench: build
	$(VENV)/bin/python -m bench.compare.relay $(BENCH)

# mail servers side by side (bench/README.md); COMPARE="small kept -n 5" chooses, without it the quick mode runs
compare: build
	$(VENV)/bin/python -c 'import matplotlib' 2>/dev/null || $(PIP) install 'matplotlib>=3.8'
	$(VENV)/bin/python -m bench.compare $(if $(COMPARE),$(COMPARE),--quick)

# the performance-regression gate (bench/gate/README.md); GATE="--whole --bisect" for more than the quick mode
gate: build
	$(VENV)/bin/python -m bench.gate $(GATE)

gate-accept: build
	$(VENV)/bin/python -m bench.gate --accept --who "$(WHO)" --why "$(WHY)"

# that the gate catches a planted 5 % every time and is quiet on an unchanged tree
gate-proof: build
	$(VENV)/bin/python -m pytest -m gate $(PYTEST)

# the queue manager on a virtual clock (bench/sim/README.md); SIM="outage --seed 7" chooses
sim: build
	$(VENV)/bin/python -m bench.sim $(SIM)

# what runs in compiled code; the fuzz targets for a second each
CORE_TESTS := tests/core tests/property tests/unit/cleanup tests/unit/deliver tests/unit/ipc tests/unit/maps tests/unit/net tests/unit/qmgr \
	tests/unit/queue tests/unit/smtpd $(wildcard tests/unit/load/test_[ehm]*.py) tests/unit/test_connection.py tests/unit/test_maillog.py tests/unit/test_submission.py \
	tests/dialogs tests/fuzz
CORE = PYFIX_BUILD=$(1) PYFIX_FUZZ_SECONDS=$${PYFIX_FUZZ_SECONDS:-1} ../$(VENV)/bin/python -m pytest --capture=sys -m "not interop" $(CORE_TESTS) $(PYTEST)
ASAN := LD_PRELOAD=$$(gcc -print-file-name=libasan.so):$$(gcc -print-file-name=libubsan.so) PYTHONMALLOC=malloc \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

apart: build
	mkdir -p .$(KIND)
	tar cf - --exclude='*.so' --exclude='ext/pyfix/*.c' --exclude=__pycache__ ext pyfix tests bench setup.py pyproject.toml README.md | tar xf - -C .$(KIND)
	cd .$(KIND) && PYFIX_BUILD=$(KIND) ../$(VENV)/bin/python setup.py -q build_ext --inplace -j 2

sanitize:
	$(MAKE) -s apart KIND=sanitized
	cd .sanitized && $(ASAN) $(call CORE,sanitized)

checked:
	$(MAKE) -s apart KIND=checked
	cd .checked && $(call CORE,checked)

clean:
	rm -rf build .run .sanitized .checked
	find pyfix -name '*.so' -delete
	find ext -name '*.c' -delete
