# What one does with Offhook. The tests need peers (phones, load tools, databases): `make peers`
# installs what is missing, and `make test` does so first.

target := $(abspath $(or $(CARGO_TARGET_DIR),target))

.DEFAULT_GOAL := run
.PHONY: run test check fmt lint tests docker peers bench bench-proxy deny

run: ## Starts everything in one process
	cargo run --release

test: peers lint tests docker ## All that must pass before a change lands

check: ## The quick look while one writes
	cargo check --workspace --all-targets

fmt:
	cargo fmt --all

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features --locked -- --deny warnings

# One build for all, so that the binaries under test are those that were just compiled.
tests: ## Unit tests, simulations, and the real binaries against real peers
	cargo build --workspace --bins --tests --locked
	BINARIES_UNDER_TEST=$(target)/debug cargo test --workspace --locked

docker: ## The compose files, where the machine can run a Docker daemon
	integration-tests/peers/install docker
	integration-tests/docker/run --where-possible

peers:
	integration-tests/peers/install

bench: peers-bench ## Codecs, engines, and the proxy next to its peer
	cargo bench --workspace --bench '*' --locked

bench-proxy: peers-bench ## CPU per proxied call next to Kamailio
	cargo bench --package offhook-integration-tests --bench proxy --locked

.PHONY: peers-bench
peers-bench:
	integration-tests/peers/install benchmark

deny: ## Licences, advisories and bans; needs `cargo install cargo-deny`
	cargo deny check
