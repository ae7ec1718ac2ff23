# The tool itself as an image: docker build -t cka-lab .
# The sandbox makes namespaces of its own, so run it with
#   docker run -it --security-opt seccomp=unconfined --security-opt systempaths=unconfined -v cka-lab:/data cka-lab
FROM python:3.13-slim-trixie

RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap curl less nano openssl procps util-linux vim \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY requirements.txt pyproject.toml README.md LICENSE ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY cka_lab cka_lab
COPY graders graders
COPY scenarios scenarios
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

ENV CKA_LAB_HOME=/data TERM=xterm-256color
VOLUME /data
WORKDIR /root
ENTRYPOINT ["cka-lab"]
