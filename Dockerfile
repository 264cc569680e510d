# Plantain's server on a CPU: docs/serving.md says how it is built, run and kept.
# The wheel and its environment are made in the first stage; the second has no compiler, no pip cache and no root.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/plantain \
    && /opt/plantain/bin/pip install --no-cache-dir --constraint constraints.txt '.[page]' \
    && /opt/plantain/bin/python -m compileall -q /opt/plantain/lib

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Plantain" \
      org.opencontainers.image.description="Photo and words in, depth, masks and boxes out" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin plantain \
    && install --directory --owner=plantain --mode=0700 /data
COPY --from=build /opt/plantain /opt/plantain
ENV PATH=/opt/plantain/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    XDG_CACHE_HOME=/data/cache
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["plantain"]
CMD ["serve", "--host", "0.0.0.0", "--state", "/data/state"]
