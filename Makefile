# Two commands are for everyone: `make run` starts a working system, `make test` proves that it works. Both install what
# they need on a fresh Debian machine that has Rust, Node and git. Longer steps are scripts in .ci/.

# One target directory outside the checkout, so that a fresh clone does not build the lake's dependencies again.
export CARGO_TARGET_DIR := $(or $(ASSENT_TARGET),$(HOME)/.cache/assent/target)
ASSENT  := $(CARGO_TARGET_DIR)/debug/assent
LISTEN  ?= 127.0.0.1:8080
DATA_DIR ?= ./data
FUZZ_SECONDS ?= 30

STEP := .ci/step
SDK := web/sdk/dist/analytics.min.js
SEGMENT_SDK := web/segment-sdk/dist/analytics.min.js
CONSOLE := web/console/dist/index.html
# More arguments for the server: `make run ARGS="--config assent.yaml"`.
ARGS ?=

.PHONY: run test build check torture bench web deps
.NOTPARALLEL:
# Each step says its own name.
.SILENT: test check torture

run: web ## Build and start a demo on 127.0.0.1:8080
	cargo build --locked -p server
	exec $(ASSENT) serve --demo --listen $(LISTEN) --data-dir $(DATA_DIR) $(ARGS)

test: ## Everything CI checks; cheap checks first
	$(STEP) "install what the tests need" .ci/setup test
	$(STEP) "web parts" $(MAKE) --no-print-directory web
	$(STEP) "console" npm --prefix web/console run --silent check
	$(STEP) "console's logic" npm --prefix web/console run --silent test
	$(STEP) "browser SDK" npm --prefix web/sdk run --silent check
	$(STEP) "browser SDK's logic and sizes" npm --prefix web/sdk run --silent test
	$(STEP) "format" cargo fmt --all --check
	$(STEP) "tidy" cargo run --quiet --locked -p xtask -- tidy
	$(STEP) "dependencies" cargo deny --locked check --hide-inclusion-graph bans licenses sources
	$(STEP) "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
	$(STEP) "tests" cargo nextest run --workspace --locked
	$(STEP) "tests in documentation" cargo test --workspace --doc --locked
	$(STEP) "fuzz, $(FUZZ_SECONDS) s a target" .ci/fuzz $(FUZZ_SECONDS)
	$(STEP) "what make run starts, the console, and the API as documented" .ci/node-tests tests/e2e
	$(STEP) "consent in a browser" .ci/node-tests tests/consent
	$(STEP) "clients from their registries" .ci/node-tests tests/compat

build: web ## The release binary in target/release/assent
	cargo build --release --locked -p server
	mkdir -p target/release
	[ "$(CARGO_TARGET_DIR)" -ef target ] || install -m 755 "$(CARGO_TARGET_DIR)/release/assent" target/release/assent

check: ## Fast: what an edit most likely broke
	$(STEP) "format" cargo fmt --all --check
	$(STEP) "tidy" cargo run --quiet --locked -p xtask -- tidy
	$(STEP) "clippy" .ci/changed clippy --all-targets --locked -- -D warnings
	$(STEP) "tests of changed crates" .ci/changed nextest run --locked --no-tests pass

torture: ## Long crash, fault and fuzz runs; ASSENT_TORTURE_ROUNDS sets how many rounds (50)
	$(STEP) "install what the tests need" .ci/setup test
	$(STEP) "crash rounds" env ASSENT_CRASH_ROUNDS=$(or $(ASSENT_TORTURE_ROUNDS),50) \
		cargo nextest run --workspace --locked --profile torture -E 'test(/crash|power_loss|disk_full/)'
	$(STEP) "fuzz, 5 min a target" .ci/fuzz 300

bench: build ## Tables of accept, path, latency, memory and isolation, beside peers where they are installed
	.ci/setup bench
	for what in collect path latency memory isolation; do target/release/assent bench $$what || exit 1; done

web: deps $(SDK) $(SEGMENT_SDK) $(CONSOLE) ## What the binary embeds

deps:
	.ci/setup run

# By time stamps: a copy that changes nothing would still have cargo build the collector again.
$(SDK): web/sdk/package-lock.json web/sdk/build.mjs $(shell find web/sdk/src -type f)
	npm --prefix web/sdk run --silent build

$(SEGMENT_SDK): web/segment-sdk/package-lock.json web/segment-sdk/copy.mjs
	npm --prefix web/segment-sdk run --silent build

# The preview of the banner is made from the SDK's sources, and its default words are the server's.
$(CONSOLE): web/console/package-lock.json web/console/index.html web/console/vite.config.ts \
		web/console/preview-script.ts $(shell find web/console/src web/sdk/src crates/workspace/texts -type f)
	npm --prefix web/console run --silent build
