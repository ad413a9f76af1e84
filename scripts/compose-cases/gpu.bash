# The case of scripts/test-compose that wants much time and disk, and so is run on request: the image for GPUs, and its worker on
# the fake CUDA of worker/tests/fake_cuda. Read by it, not run alone.

gpu_image() {
    local fake start=$SECONDS sweep
    compose --profile gpu build worker-gpu
    echo "test-compose: the image for GPUs built in $((SECONDS - start)) s" >&2
    images >&2
    "$root/scripts/setup" --fake-cuda >&2
    fake=$(readlink -f "$root/.fake-cuda")
    one_card "$work/card/board"
    # In place of NVIDIA's libraries, and of what its container toolkit would bring in from the host.
    cat >"$work/fake-gpu.yml" <<YML
services:
  worker-gpu:
    environment:
      FAKE_CUDA_BOARD: /card/board
      LD_LIBRARY_PATH: /opt/libtorch/driver:/opt/libtorch/nvml
    volumes:
      - $fake/nvidia:/opt/libtorch/nvidia:ro
      - $fake/driver:/opt/libtorch/driver:ro
      - $fake/nvml:/opt/libtorch/nvml:ro
      - $work/card:/card
    deploy: { resources: { reservations: !reset null } }
YML
    compose --profile cpu stop worker-cpu
    on_fake_gpu up -d --wait --wait-timeout 180 worker-gpu
    sweep=$(cli submit /examples/seed.toml --wait)
    expect "where the sweep was trained" "$(sql "select string_agg(distinct device, ', ') from batchsweep.result
        where sweep_id = '$sweep' and status = 'succeeded'")" "cuda:0 NVIDIA Fake 0"
    on_fake_gpu rm --stop --force worker-gpu
    compose --profile cpu up -d --wait --wait-timeout 180
}

on_fake_gpu() { docker compose -f docker-compose.yml -f "$work/fake-gpu.yml" --profile gpu "$@"; }

# one_card FILE describes a machine with one card of 1 GiB, as the fake CUDA reads it.
one_card() {
    mkdir -p "$(dirname "$1")"
    "${CC:-cc}" -x c -I worker/tests/fake_cuda/runtime -o "$work/one-card" - <<'C'
#include <stdio.h>
#include <string.h>
#include "board.h"

int main(void) {
  static struct board board = {.size = sizeof(struct board), .driver_version = 13000, .device_count = 1};
  strcpy(board.devices[0].name, "NVIDIA Fake 0");
  strcpy(board.devices[0].uuid, "GPU-00000000-1111-2222-3333-444444444444");
  board.devices[0].total_bytes = 1 << 30;
  board.devices[0].context_bytes = 300 << 20;
  return fwrite(&board, sizeof(board), 1, stdout) != 1;
}
C
    "$work/one-card" >"$1"
    # The container's user is not this one.
    chmod 777 "$(dirname "$1")"
    chmod 666 "$1"
}
