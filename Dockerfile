# ABN Explorer in a container. Everything is in the image: it needs no network when it runs, and writes nothing.
FROM python:3.12-slim

WORKDIR /app
COPY requirements.txt ./
ARG EXTRAS=""
# torch's CPU build: without it pip brings 4 GB of CUDA on Linux
RUN pip install --no-cache-dir uv && uv pip install --system --no-cache --torch-backend cpu --requirement requirements.txt $EXTRAS
COPY .streamlit .streamlit
COPY app.py LICENSE ./
COPY abn abn
COPY pages pages
COPY checkpoints checkpoints
RUN python -m compileall -q app.py abn pages && useradd --system --no-create-home abn
USER abn
# One heap for all threads, which gives free memory back and takes large arrays without fresh pages each time.
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=16777216 MALLOC_MMAP_THRESHOLD_=33554432

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501"]
