# `make test` passes everything on a machine with Rust, Node and Python; what else it needs, it
# installs into ignored folders of the project.

.PHONY: run check test bench

run:
	cargo run

# What a commit must pass.
check: node_modules/.package-lock.json
	npm run --silent check
	cargo fmt --all -- --check
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked --quiet

test: node_modules/.package-lock.json
	npm run --silent test:convex
	cargo test --locked
	cargo build --locked
	npm test

# Release build; the figures in docs/performance.md come from here.
bench:
	cargo bench --locked --bench promptdb

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@
