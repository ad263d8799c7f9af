# syntax=docker/dockerfile:1
# One image per service: docker build --build-arg BIN=capture . BIN is the name of a folder <module>/cmd/<BIN>.

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
ARG BIN
ARG VERSION=dev
# Given by builds of the original images, of no meaning here.
ARG BUILD_FEATURES
ARG EXTRA_RUSTFLAGS
ARG EXTRA_CFLAGS
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    main=$(echo ./*/cmd/"${BIN:?give --build-arg BIN=<service>}") \
    && test -d "$main" || { echo "no main package $main" >&2; exit 1; } \
    && CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
       go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o "/out/$BIN" "$main"

# What the services read beside their settings: the GeoIP database and the certificate authorities of AWS RDS.
FROM --platform=$BUILDPLATFORM debian:bookworm-slim AS assets
RUN apt-get update && apt-get install -y --no-install-recommends brotli ca-certificates curl && rm -rf /var/lib/apt/lists/*
ARG GEOIP_URL=https://mmdbcdn.posthog.net/
ARG RDS_CA_URL=https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
WORKDIR /out
RUN curl -fsSL --retry 3 -o geoip.br "$GEOIP_URL" && brotli --decompress --rm --output=GeoLite2-City.mmdb geoip.br \
    && curl -fsSL --retry 3 -o aws-rds-global-bundle.crt "$RDS_CA_URL"

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends brotli ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o nobody -g nogroup /app/.hog
COPY --from=assets --chmod=644 /out/aws-rds-global-bundle.crt /usr/local/share/ca-certificates/
RUN update-ca-certificates
COPY --from=assets --chmod=755 /out/GeoLite2-City.mmdb /app/share/
ARG BIN
COPY --from=build /out/$BIN /usr/local/bin/
ENV BIN=$BIN
WORKDIR /app
USER nobody
# exec, so that the service is process 1 and gets the signals. Arguments are handed on.
ENTRYPOINT ["/bin/sh", "-c", "exec \"/usr/local/bin/$BIN\" \"$@\"", "sh"]
