# `make test` passes everything on a machine with Rust, Node and Python; what else it needs, it
# installs into ignored folders of the project.

.PHONY: run check test bench deny advisories

# In a folder of its version, so that another version is another file.
DENY_VERSION := 0.20.2
DENY := target/tools/cargo-deny-$(DENY_VERSION)/bin/cargo-deny

run:
	cargo run

# What a commit must pass.
check: node_modules/.package-lock.json
	npm run --silent check
	cargo fmt --all -- --check
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked --quiet
	@if [ -x $(DENY) ]; then $(MAKE) --no-print-directory deny; \
	else echo 'Not checked: licences, bans and sources of the dependencies. `make deny` does it once it has built its tool, which takes minutes.'; fi

test: node_modules/.package-lock.json
	npm run --silent test:convex
	cargo test --locked
	cargo build --locked
	npm test

# Release build; the figures in docs/performance.md come from here.
bench:
	cargo bench --locked --bench promptdb

# Licences, bans and sources of the dependencies.
deny: $(DENY)
	$(DENY) --locked --config .ci/deny.toml check licenses bans sources

# Known vulnerabilities of the dependencies; their database needs the internet.
advisories: $(DENY)
	$(DENY) --locked --config .ci/deny.toml check advisories
	npm audit --audit-level=moderate

$(DENY):
	cargo install --locked cargo-deny@$(DENY_VERSION) --root target/tools/cargo-deny-$(DENY_VERSION)

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@
