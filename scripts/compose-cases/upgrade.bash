# Cases of scripts/test-compose: an upgrade from an earlier commit, with the real programs of that time. Read by it, not run
# alone.

newest_schema() {
    local newest
    newest=$(basename "$(printf '%s\n' migrations/*.sql | sort | tail -n 1)")
    echo "$((10#${newest%%_*}))"
}

# The commit that the upgrade starts from: the one that deploy/upgrade-from names, else the one that made the first migration
# what it is. Nothing where git knows no history.
upgrade_from() {
    local named first
    named=$(sed '/^#/d; /^[[:space:]]*$/d' deploy/upgrade-from)
    if [[ -n $named ]]; then
        git -C "$root" rev-parse --verify --quiet "$named^{commit}" || {
            echo "test-compose: deploy/upgrade-from names '$named', which git does not know; fetch it, or name another" >&2
            return 1
        }
        return
    fi
    first=$(printf '%s\n' migrations/*.sql | sort | head -n 1)
    git -C "$root" log -1 --format=%H -- "$first" 2>/dev/null || true
}

# The images of that commit, kept under its name for the next time. In a folder and with a cache of their own: cargo would take what
# it keeps of one commit, which is younger, for the sources of the other.
build_previous() {
    local commit=$1 target
    mkdir -p "$work/previous"
    git -C "$root" archive "$commit" | tar -x -C "$work/previous"
    cp .dockerignore "$work/previous/"
    sed -i 's|/source|/previous|g; s|id=batchsweep-target|id=batchsweep-target-before|' "$work/previous/deploy/Dockerfile"
    for target in batchsweep worker-cpu; do
        docker image inspect "batchsweep-before:${commit:0:12}-$target" >/dev/null 2>&1 ||
            docker build --quiet --file "$work/previous/deploy/Dockerfile" --target "$target" --build-arg LTO=off \
                --tag "batchsweep-before:${commit:0:12}-$target" "$work/previous" >/dev/null
    done
}

# The compose file of that commit, in this folder.
previous_compose() {
    BATCHSWEEP_IMAGE=batchsweep-before:$previous-batchsweep BATCHSWEEP_WORKER_IMAGE=batchsweep-before:$previous-worker-cpu \
        docker compose --project-directory . --file "$work/previous/docker-compose.yml" --profile cpu "$@"
}

schema() { sql 'select max(version) from public._sqlx_migrations'; }

finished() { sql "select count(*) from batchsweep.result where status = 'succeeded'"; }

finished_more_than() { [[ $(finished) -gt $1 ]]; }

# another_finishes WHEN waits for one trial more than there are.
another_finishes() {
    until_true "the end of a trial $1" finished_more_than "$(finished)"
}

upgrade() {
    local commit previous old_schema worker
    commit=$(upgrade_from)
    if [[ -z $commit ]]; then
        echo "test-compose: skipped: git does not know the commit of the first migration, and deploy/upgrade-from names none" >&2
        return
    fi
    previous=${commit:0:12}
    build_previous "$commit"
    compose --profile cpu down --volumes
    previous_compose up -d --wait --wait-timeout 180
    old_schema=$(schema)
    previous_compose run --rm -T cli submit /sweeps/long.toml >"$work/upgraded.id" 2>>"$work/cli.log"
    another_finishes "before the upgrade"
    worker=$(previous_compose ps -q worker-cpu)

    # The new schema under the old programs; the same one as long as no migration was added since.
    compose run --rm -T migrate 2>>"$work/cli.log"
    expect "the schema" "$(schema)" "$(newest_schema)"
    another_finishes "of old programs on the new schema"

    # The new coordinator and the old worker.
    compose up -d --wait --wait-timeout 120 coordinator
    expect "the coordinator's image" "$(image_of "$(compose ps -q coordinator)")" batchsweep:0.1.0
    another_finishes "of the old worker under the new coordinator"
    expect "the old worker" "$(image_of "$worker") $(docker inspect --format '{{.State.Running}} {{.RestartCount}}' "$worker")" \
        "batchsweep-before:$previous-worker-cpu true 0"

    # The new worker in the old one's place, which gives its trial back.
    compose --profile cpu up -d --wait --wait-timeout 180
    cli watch "$(<"$work/upgraded.id")" >/dev/null
    expect "the sweep under which all was upgraded" "$(whole_sweep "$(<"$work/upgraded.id")")" "$long_sweep"
    expect "what must always hold" "$(sql 'select count(*) from core.broken_invariant')" 0
    echo "test-compose: from commit $previous, schema $old_schema, to schema $(schema)" >&2
}

image_of() { docker inspect --format '{{.Config.Image}}' "$1"; }
