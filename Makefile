# The commands of a day. Each makes what it needs: a virtual environment with the pinned packages.
PORT ?= 8000
S3_PORT ?= 9000
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test test-browser test-clients lint test-s3 bench bench-images package deploy screenshots clean

run: $(VENV)/ready
	@exec $(BIN)/python -m local --port $(PORT) --s3-port $(S3_PORT)

test: lint
	$(BIN)/pytest -n 2 --dist worksteal --ignore tests/browser --ignore tests/clients

# What a browser sees, against the embedded S3; `make test-s3` does it against another.
test-browser: $(VENV)/ready
	$(BIN)/pytest -n 2 --dist worksteal tests/browser

# What docs/clients.md says of clients, tried with them: their packages are large, so nothing else installs them.
test-clients: $(VENV)/clients
	$(BIN)/pytest -n 2 --dist worksteal tests/clients

lint: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --output-format concise .
	$(BIN)/mypy

# The end-to-end suite against any store: S3_ENDPOINT=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… make test-s3
test-s3: $(VENV)/ready
	@test -n "$(S3_ENDPOINT)" || { echo "Say which store: S3_ENDPOINT=https://… make test-s3" >&2; exit 2; }
	$(BIN)/pytest -n 2 --dist worksteal tests/e2e tests/browser tests/deploy/test_boot.py tests/deploy/test_boot_images.py

# Fails where a figure is over its limit; BASE=REVISION holds today's figures to those of another revision.
bench: $(VENV)/ready
	$(BIN)/python -m bench $(if $(BASE),--base $(BASE))

# The table of docs/images.md: what renders, beside what could.
bench-images: $(VENV)/ready
	$(BIN)/python -m bench.images

# What CloudFormation deploys: build/sam.json and build/deployment.zip, the same bytes from the same commit.
package: $(VENV)/ready
	@$(BIN)/python -m local.package build

# The REST API of a stage. A settings file with a mistake is not deployed, for every answer would be 500.
deploy: $(VENV)/ready
	@test -n "$(STAGE)" || { echo "Say which stage of .chalice/config.json: make deploy STAGE=dev" >&2; exit 2; }
	$(BIN)/python -m chalicelib check --stage $(STAGE)
	$(BIN)/python -m chalicelib policy --stage $(STAGE) --write
	$(BIN)/python -m local.wheels $(BIN)/chalice deploy --stage $(STAGE)

# docs/screenshots, anew; needs Chromium.
screenshots: $(VENV)/ready
	$(BIN)/python -m tests.browser.screenshots docs/screenshots

$(VENV)/ready: requirements.txt requirements-dev.txt constraints.txt
	@python3 -m venv --clear $(VENV) || { echo "Python has no venv here. On Debian: apt install python3-venv" >&2; exit 1; }
	PKG_CONFIG=false $(BIN)/pip install --quiet --requirement requirements-dev.txt
	@touch $@

$(VENV)/clients: requirements-clients.txt $(VENV)/ready
	PKG_CONFIG=false $(BIN)/pip install --quiet --requirement requirements-clients.txt
	@touch $@

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .hypothesis
