# make run            the console on a recorded attack: no root, no key
# make run IFACE=eth0 the console on live traffic (root)
# make test           everything that CI runs; PYTEST="-n 0 tests/engine" picks tests, and runs them one by one
# sudo make install   into /opt/aegis-tui, with `aegis-tui` on root's path; make uninstall takes it away again
VENV := .venv
BIN := $(VENV)/bin
PREFIX := /opt/aegis-tui
export PREFIX

run: $(VENV)
	@$(BIN)/aegis-tui $(if $(IFACE),$(addprefix --iface ,$(IFACE)),demo)

test: test-tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy aegis_tui engine models knowledge benchmarks tests install
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST)

bench: test-tools
	@missed=0; for bench in benchmarks/*.py; do echo "== $$bench"; $(BIN)/python $$bench || missed=1; done; exit $$missed

demo-capture: test-tools
	$(BIN)/python -m tests.lab.record

install:
	@install/install.sh

uninstall:
	@install/uninstall.sh

lock:
	@install/lock.sh

$(VENV):
	@install/setup.sh $(VENV) requirements.txt

test-tools:
	@install/setup.sh $(VENV) requirements-test.txt
	@[ "$$(id -u)" != 0 ] || install/test-packages.sh

.PHONY: run test bench demo-capture install uninstall lock test-tools $(VENV)
