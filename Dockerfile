# syntax=docker/dockerfile:1
# Two stages on one base, so that the virtual environment of the first runs in the second.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG TORCH_INDEX=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/venv/bin:$PATH
RUN python3 -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
# The default index may hold a CUDA build of PyTorch of several GB; TORCH_INDEX names another one for torch only.
RUN if [ -n "${TORCH_INDEX}" ]; then \
      pip install --index-url "${TORCH_INDEX}" "$(grep '^torch==' /tmp/requirements.txt)"; \
    fi \
 && pip install --requirement /tmp/requirements.txt

FROM ${BASE} AS run
RUN groupadd --gid 10001 studio \
 && useradd --no-log-init --uid 10001 --gid studio --create-home --shell /usr/sbin/nologin studio \
 && install -d -o studio -g studio /data
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/moe-studio
COPY . .
# Without a browser address Streamlit would ask a host outside for the external one at every start.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    MOE_STUDIO_DATA=/data \
    PORT=8501 \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_BROWSER_SERVER_ADDRESS=localhost
USER 10001:10001
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/_stcore/health', timeout=3).close()"]
CMD ["python", "-m", "app", "serve"]
