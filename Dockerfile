# The package with its console scripts. For an NVIDIA GPU build with `--build-arg EXTRAS=[gpu]` and run with `--gpus all`.
FROM python:3.11-slim
ARG EXTRAS=""
WORKDIR /source
COPY . .
RUN python -m pip install --no-cache-dir ".${EXTRAS}"
WORKDIR /work
# docker run -v "$PWD/work:/work" large-batch-replication keskar-reproduce --preset=quick --workdir=/work
CMD ["keskar-reproduce", "--preset=quick", "--workdir=/work"]
