# Cases of scripts/test-compose: the images, what is in them, and that they train as the programs do outside. Read by it, not
# run alone.

# The images of this test, and their sizes.
images() { docker image ls --format '{{.Repository}}:{{.Tag}} {{.Size}}' | grep '^batchsweep[^ ]*:0.1.0' | sort; }

build() {
    local start=$SECONDS
    compose --profile cpu build coordinator worker-cpu
    echo "test-compose: images built in $((SECONDS - start)) s" >&2
    images >&2
    rebuild worker-cpu worker/src/agent/mod.rs
    rebuild coordinator coordinator/src/service/mod.rs
}

# rebuild SERVICE FILE builds it with that file changed, under another name, and tells how long that took.
rebuild() {
    local start
    echo "#[used] static CHANGED: &str = \"changed at $(date +%s)\";" >>"$2"
    start=$SECONDS
    build_changed "$1"
    echo "test-compose: $1 built anew in $((SECONDS - start)) s after a change of $2" >&2
    # Back again, with a new file that no program is made of: cargo goes by the times of files, so that what it keeps must be
    # of these sources in the end, and Docker by contents, so that it would take the image of before.
    cp "$root/$2" "$2"
    echo "$2 at $(date +%s)" >examples/built-anew
    build_changed "$1"
    rm examples/built-anew
    docker image rm --force batchsweep:changed batchsweep-worker:changed >/dev/null 2>&1 || true
}

build_changed() {
    BATCHSWEEP_IMAGE=batchsweep:changed BATCHSWEEP_WORKER_IMAGE=batchsweep-worker:changed compose --profile cpu build --quiet "$1"
}

# Compared in all that is the training's: splits, every loss, memory to the byte.
equals_a_local_run() {
    local sweep name programs=${CARGO_TARGET_DIR:-$root/target}/debug
    (cd "$root" && cargo build --quiet --package cli --package coordinator --package worker --bins)
    for sweep in examples/seed.toml "$work/sweeps/does-not-fit.toml"; do
        name=$(sed -n 's/^name *= "\(.*\)".*/\1/p' "$sweep")
        # As many workers as cores: one thread each, as in the containers.
        "$programs/batchsweep" run "$sweep" --state-dir "$work/local" --workers "$(nproc)" --memory-limit 2GiB -o csv \
            >"$work/$name.local" 2>>"$work/cli.log"
        cli results "$name" -o csv >"$work/$name.compose"
        python3 scripts/compose-cases/same_results.py "$work/$name.compose" "$work/$name.local"
    done
}

no_secret() {
    local file image
    {
        compose --profile cpu ps -aq | xargs docker inspect
        docker history --no-trunc batchsweep:0.1.0
        docker history --no-trunc batchsweep-worker:0.1.0-cpu
        compose --profile cpu logs
        cat "$work/cli.log"
    } >"$work/told" 2>&1
    for file in deploy/secrets/*; do
        ! grep -qF -f "$file" "$work/told" || { echo "test-compose: $file is told" >&2; exit 1; }
    done
    # Every file of every layer. The last line is found in each image, or the search would not have seen into layers.
    { cat deploy/secrets/*; echo "batchsweep:x:10001:10001:"; } >"$work/searched"
    for image in batchsweep:0.1.0 batchsweep-worker:0.1.0-cpu; do
        expect "secrets in layers of $image" "$(docker save "$image" | LC_ALL=C grep -aoF -f "$work/searched" | sort -u)" \
            "batchsweep:x:10001:10001:"
    done
}
