# The newsletter in one image, below 250 MB. docs/deploy.md says how to run it, decision 0101 why it is made like this.
#
#     docker build -t newsletter .
#
# Behind a proxy that has a certificate of its own: mount it, and say where by `--build-arg SSL_CERT_FILE=…`.

# --- What the system needs: Python, certificates, PostgreSQL's pg_dump ---

FROM debian:13-slim AS system
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libpq5 python3 tzdata
# Of PostgreSQL's client its two programs alone: the package brings Perl, which is a fifth of the image.
RUN cd /tmp && apt-get download postgresql-client-17 && dpkg-deb --fsys-tarfile postgresql-client-17_*.deb \
  | tar -x -C / ./usr/lib/postgresql/17/bin/pg_dump ./usr/lib/postgresql/17/bin/pg_restore \
 && ln -s /usr/lib/postgresql/17/bin/pg_* /usr/local/bin/ && rm /tmp/*.deb

# --- Our dependencies as uv.lock has them, and our own files, compiled ---

FROM system AS build
ARG SSL_CERT_FILE
ARG EXTRAS="--extra age --extra s3 --extra ses"
ARG UV_VERSION=0.13.9
RUN apt-get install -y --no-install-recommends binutils python3-venv && python3 -m venv /opt/uv \
 && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check "uv==$UV_VERSION"
WORKDIR /app
ENV UV_LINK_MODE=copy UV_PYTHON=/usr/bin/python3 UV_PYTHON_DOWNLOADS=never
COPY pyproject.toml uv.lock ./
# Two languages are spoken here; what others say, and what only compilers and debuggers read, stays outside. So does what
# no program of ours loads: maps, other ways to log in, a prompt for Celery's commands, Amazon's four hundred other services.
RUN /opt/uv/bin/uv sync --frozen --no-dev $EXTRAS --no-cache \
 && cd .venv/lib/python3.13/site-packages \
 && rm -r allauth/headless allauth/idp allauth/socialaccount/providers click_repl django/contrib/gis ninja/static \
      prompt_toolkit pycparser pydantic/v1 wcwidth \
 && if [ -d botocore ]; then find botocore/data -mindepth 1 -maxdepth 1 -type d \
      ! -name s3 ! -name ses ! -name sesv2 ! -name sns ! -name sts -exec rm -r {} + \
   && rm -r boto3/data/[a-rt-z]* boto3/examples; fi \
 && find . -name "*.po" -delete \
 && find . -path "*/locale/*/LC_MESSAGES" ! -path "*/zh_*/*" ! -path "*/en*/*" -prune -exec rm -r {} + \
 && find . -name "*.so" ! -path "*.libs/*" -exec strip --strip-unneeded {} +
COPY LICENSE manage.py ./
COPY newsletter newsletter
COPY subscribers subscribers
COPY templates templates
ARG COMMIT=
# Not compiled is what is read one file at a time (a lexer for a block of code, a country for its holidays) or never.
RUN --mount=type=bind,target=/context DATA_DIR=/tmp/data STATIC_ROOT=/app/static .venv/bin/python -B manage.py collectstatic --no-input -v 0 \
 && python3 -m compileall -q --invalidation-mode unchecked-hash \
    -x 'pygments/lexers/|holidays/(countries|financial)/|celery/(bin|contrib)/' /app \
 && rm -r .venv/lib/python3.13/site-packages/django/contrib/*/static .venv/lib/python3.13/site-packages/*.dist-info/RECORD \
 && echo "${COMMIT:-$(sh /context/docs/docker/commit /context)}" >commit \
 && find newsletter -name "*.po" -delete && chmod -R go=rX /app

# --- The system again, without what only its own care needs; what is left is one layer ---

FROM system AS small
COPY docs/docker/shrink /tmp/shrink
RUN sh /tmp/shrink

FROM scratch
COPY --from=small / /
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data \
    STATIC_ROOT=/app/static
WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m --start-interval=2s --retries=3 \
  CMD ["python", "manage.py", "healthy"]
ENTRYPOINT ["python", "manage.py"]
CMD ["up", "--host", "0.0.0.0"]
LABEL org.opencontainers.image.title="Newsletter" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.description="Self-hosted newsletter: one author, Markdown posts, a numbered issue every two weeks" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="debian:13-slim"
