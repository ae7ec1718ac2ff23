# The tool itself as an image: docker build -t cka-lab .
# How to run it, and what each option is for: "As a container" in README.md.
#
# BASE_IMAGE may be any Debian 13 or newer with Python 3.11 or newer and its venv module.
ARG BASE_IMAGE=python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE_IMAGE} AS packages
RUN python3 -m venv /pip && python3 -m venv --without-pip /opt/cka-lab
ENV PIP="/pip/bin/pip --python /opt/cka-lab/bin/python --no-cache-dir"
COPY requirements.txt /src/
RUN $PIP install --require-hashes -r /src/requirements.txt

FROM packages AS project
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY cka_lab cka_lab
COPY graders graders
COPY scenarios scenarios
RUN $PIP install --no-deps --no-build-isolation --no-warn-script-location --root /project .

# A file named `kind` beside this one is taken as it is, for builds that can't download.
FROM ${BASE_IMAGE} AS kind
ARG KIND_URL=https://github.com/kubernetes-sigs/kind/releases/download/v0.33.0
ARG KIND_AMD64=aee6151561422756b764a4ae28e7f44cda5af5a9eead3cc9985112b1de8d8e0d
ARG KIND_ARM64=20022bee6cfcd5086cb7234d218e3454e6090022f2a8f55d1fa7fcf42c3867a2
WORKDIR /kind
COPY LICENSE kin[d] ./
RUN set -e; arch=$(dpkg --print-architecture); case $arch in \
      amd64) sum=$KIND_AMD64 ;; arm64) sum=$KIND_ARM64 ;; *) echo "kind is not released for $arch"; exit 1 ;; \
    esac; \
    if [ ! -e kind ]; then \
      python3 -c 'import sys, urllib.request as web; web.urlretrieve(*sys.argv[1:])' "$KIND_URL/kind-linux-$arch" kind; \
      echo "$sum  kind" | sha256sum --check; \
    fi; \
    chmod 755 kind

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="cka-lab" \
      org.opencontainers.image.description="A practice lab for the Certified Kubernetes Administrator exam" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      bubblewrap curl docker-cli jq less nano openssl procps tini util-linux vim \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 --shell /bin/bash lab \
 && install -d -m 700 -o lab -g lab /data \
 && ln -s /opt/cka-lab/bin/cka-lab /usr/local/bin/
COPY --from=kind /kind/kind /usr/local/bin/
COPY --from=packages /opt/cka-lab /opt/cka-lab
COPY --from=project /project /
ENV CKA_LAB_HOME=/data LANG=C.UTF-8 TERM=xterm-256color
VOLUME /data
USER 1000:1000
WORKDIR /home/lab
ENTRYPOINT ["tini", "--", "cka-lab"]
