# The daily commands. Each first makes what it needs: a virtual environment with the pinned packages.
# Another Python, in an environment of its own: make test PYTHON=python3.13 VENV=.venv-3.13
PYTHON ?= python3
VENV ?= .venv
PORT ?= 8000
S3_PORT ?= 9000
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# What `make test-fast` runs, besides the tests that are marked as slow. These use no network.
FAST_TESTS := tests/unit/core tests/unit/events tests/unit/settings
PYTEST := $(BIN)/python -m pytest

# The same lines for all Pythons from 3.11 on and all systems, with the hash of every file and no name of a registry.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	$(if $(UPGRADE),--upgrade)

.PHONY: setup run test test-only test-fast test-deploy test-browser clients test-clients lint test-s3 coverage bench bench-images tasks package deploy lock tag screenshots clean

setup: $(VENV)/ready

run: $(VENV)/ready
	@exec $(BIN)/python -m local --port $(PORT) --s3-port $(S3_PORT)

test: lint test-only

# `make test` without the checks of `make lint`. Prints the ten slowest tests.
test-only: $(VENV)/ready
	$(PYTEST) -n 2 --dist worksteal --durations 10 --ignore tests/deploy --ignore tests/e2e --ignore tests/operator --ignore tests/browser --ignore tests/clients

# Prints the lines and branches that `make test` does not reach in this process: a server of a test is another process.
# Nothing fails because of the figure.
coverage: $(VENV)/ready
	$(PYTEST) -n 2 --dist worksteal --hypothesis-profile fast --ignore tests/deploy --ignore tests/operator --ignore tests/browser --ignore tests/clients \
		--cov --cov-report term-missing:skip-covered

# For the time between two edits: few examples of each property, under 30 seconds.
test-fast: $(VENV)/ready
	$(PYTEST) --hypothesis-profile fast -m "not slow" $(FAST_TESTS)

# The zip, the template and the deployment, against a simulated AWS, and the commands of all pages; pip fetches the packages of
# the zip.
test-deploy: $(VENV)/ready
	$(PYTEST) -n 2 --dist worksteal tests/deploy tests/e2e
	$(PYTEST) tests/operator  # alone, because each test empties the simulated AWS of its process

# What a browser sees, against the embedded S3; `make test-s3` does it against another.
test-browser: $(VENV)/ready
	$(PYTEST) -n 2 --dist worksteal tests/browser

# Runs all clients and writes the table of docs/clients.md. Run it as root: it installs what is missing, and its S3 has port 80, as on
# AWS, without which wget2 fails. CHECK=1 compares the table.
# ONLY="curl wget" runs these clients.
clients: $(VENV)/clients
	@$(BIN)/python -m tests.clients $(if $(CHECK),--check) $(if $(ONLY),--only $(ONLY))

# What docs/clients.md and docs/recipes.md say of clients, tried with them: their packages are large, so nothing else installs them.
test-clients: $(VENV)/clients
	$(PYTEST) -n 2 --dist worksteal tests/clients

lint: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --output-format concise .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# The contract and the end-to-end tests against any store: S3_ENDPOINT=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… make test-s3
test-s3: $(VENV)/ready
	@test -n "$(S3_ENDPOINT)" || { echo "Say which store: S3_ENDPOINT=https://… make test-s3" >&2; exit 2; }
	$(PYTEST) -n 2 --dist worksteal tests/contract tests/e2e tests/browser tests/deploy/test_boot.py tests/deploy/test_boot_images.py

# Fails where a figure is over its limit; BASE=REVISION holds today's figures to those of another revision.
bench: $(VENV)/ready
	$(BIN)/python -m bench $(if $(BASE),--base $(BASE))

# The table of docs/images.md: what renders, beside what could.
bench-images: $(VENV)/ready
	$(BIN)/python -m bench.images

# What a person does on the pages: the actions and the seconds of each task. COPYPARTY=1 compares an upload with copyparty.
tasks: $(VENV)/ready
	$(BIN)/python -m tests.browser.tasks $(if $(COPYPARTY),--copyparty)

# What CloudFormation deploys: build/sam.json and build/deployment.zip, the same bytes from the same commit. build/sbom.json
# names the packages in the zip.
package: $(VENV)/ready
	@$(BIN)/python -m local.package build

# The REST API of a stage: checks the settings, writes the policy, and updates the one API that the account has for the stage.
# NEW=1 makes another API; REMOVE="NAME" removes a variable that somebody set on the function.
deploy: $(VENV)/ready
	@test -n "$(STAGE)" || { echo "Say which stage of .chalice/config.json: make deploy STAGE=dev" >&2; exit 2; }
	@$(BIN)/python -m local.deploy --stage $(STAGE) $(if $(NEW),--new) $(if $(REMOVE),--remove $(REMOVE))

# requirements*.txt from requirements*.in. UPGRADE=1 takes the newest versions of what requirements*.in does not pin.
lock: $(VENV)/ready
	$(LOCK) requirements.in --output-file requirements.txt
	$(LOCK) requirements-dev.in --constraint requirements.txt --output-file requirements-dev.txt
	$(LOCK) requirements-clients.in --output-file requirements-clients.txt
	$(LOCK) requirements-aws-clients.in --output-file requirements-aws-clients.txt

# The tag of the release that chalicelib/__init__.py names, with its section of CHANGELOG.md.
tag: $(VENV)/ready
	@$(BIN)/python -m local.release

# docs/screenshots, anew; needs Chromium.
screenshots: $(VENV)/ready
	$(BIN)/python -m tests.browser.screenshots docs/screenshots

$(VENV)/ready: requirements.txt requirements-dev.txt
	@echo "Making $(VENV) with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv --clear $(VENV) || { echo "Python has no venv here. On Debian: apt install python3-venv" >&2; exit 1; }
	@echo "Installing requirements-dev.txt, with the hash of each file checked. pip takes a minute or two for this."
	@PKG_CONFIG=false $(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.txt
	@echo "$(VENV) is ready."
	@touch $@

$(VENV)/clients: requirements-clients.txt $(VENV)/aws-clients/ready
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-clients.txt
	@touch $@

# aws-cli and s3fs, in an environment of their own, because s3fs needs another botocore than the tests.
$(VENV)/aws-clients/ready: requirements-aws-clients.txt $(VENV)/ready
	@$(BIN)/python -m venv --clear --without-pip $(@D)
	$(BIN)/pip --python $(@D) install --quiet --require-hashes --requirement requirements-aws-clients.txt
	@touch $@

clean:
	rm -rf .venv .venv-* build .coverage.* .mypy_cache .ruff_cache .import_linter_cache .hypothesis
