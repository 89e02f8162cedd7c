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
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(PYTEST)

bench: test-tools
	@missed=0; for bench in benchmarks/*.py; do echo "== $$bench"; $(BIN)/python $$bench || missed=1; done; exit $$missed

demo-capture: test-tools
	$(BIN)/python -m tests.lab.record

help:
	@echo 'make run [IFACE=eth0]  the console on a recorded attack, or on live traffic (root)'
	@echo 'make test [PYTEST=...] everything that CI runs'
	@echo 'make bench             the figures of docs/performance.md'
	@echo 'make demo-capture      record the demo attack anew (root)'
	@echo 'make install           into PREFIX, with aegis-tui on the path of root (root)'
	@echo 'make uninstall         take the installation away again, but for the record in /var/lib/aegis (root)'
	@echo '     PURGE=1           the record too: incidents, decisions, approved blocks'
	@echo 'make lock              pin every dependency anew'
	@echo 'PREFIX=FOLDER          where install puts the program; uninstall finds it by itself. Its last part has to be'
	@echo '                       aegis-tui, as in /srv/aegis-tui (now $(PREFIX))'
	@echo 'outside PREFIX         a link in /usr/local/bin, manual and completions in /usr/local/share and /usr/share/fish,'
	@echo '                       units in /etc/systemd/system, a sample in /etc/aegis; and the user aegis, without a login'

install:
	@install/install.sh

uninstall: # finds by itself where the program is, unless PREFIX is given here
	@$(if $(findstring command,$(origin PREFIX)),,unset PREFIX; )install/uninstall.sh

lock:
	@install/lock.sh

$(VENV):
	@install/setup.sh $(VENV) requirements.txt

test-tools:
	@install/setup.sh $(VENV) requirements-test.txt
	@[ "$$(id -u)" != 0 ] || install/test-packages.sh

.PHONY: help run test bench demo-capture install uninstall lock test-tools $(VENV)
