# A static binary and nothing else. The data directory is /data: give it a volume.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /permledger ./cmd/permledger \
 && mkdir -p /empty/data /empty/tmp

FROM scratch
COPY --from=build /permledger /permledger
COPY --from=build --chown=65532:65532 /empty/ /
USER 65532:65532
ENV PERMLEDGER_DATA=/data
VOLUME /data
EXPOSE 8420
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["/permledger", "ready"]
ENTRYPOINT ["/permledger"]
CMD ["serve", "--listen", "0.0.0.0:8420", "--insecure-listen"]
