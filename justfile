# `just` lists the recipes. Everything uses the one profile `release` (docs/adr/0004).

default:
    @just --list

# What CI runs: formatting, lints, tests
check: fmt-check lint test

# Formatting, without changing anything
fmt-check:
    cargo fmt --all --check

# Format everything
fmt:
    cargo fmt --all

# Lints; a warning is an error
lint:
    cargo clippy --release --workspace --all-targets --locked -- -D warnings

# Lints of the feature `lightgbm` too; it needs the tools that docs/adr/0019 names
lint-lightgbm:
    cargo clippy --release --workspace --all-targets --locked --features tenure/lightgbm -- -D warnings

# All tests but the slow ones
test:
    cargo test --release --workspace --locked

# The tests marked #[ignore] too; some need TENURE_DATA
slow:
    cargo test --release --workspace --locked -- --include-ignored

# The whole job on a file: just run sales.csv --budget 10000
run *args:
    cargo run --release --locked -- run {{args}}

# The whole job on a generated shop whose truth is known
demo *args:
    cargo run --release --locked -- demo {{args}}

# Licences, sources and versions of the dependencies (needs cargo-deny)
deny:
    cargo deny --locked check

# A cold build from nothing, with a report of what each crate took
build-timings:
    CARGO_TARGET_DIR="$(mktemp -d)" cargo build --release --locked --timings
