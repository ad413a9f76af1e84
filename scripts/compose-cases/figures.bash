# Cases of scripts/test-compose: what Prometheus and Grafana are told. Read by it, not run alone.

# metrics_of SERVICE PORT, asked from inside the network of workers, as Prometheus does.
metrics_of() {
    docker run --rm --network "${COMPOSE_PROJECT_NAME}_cluster" postgres:17-trixie bash -c \
        "exec 3<>/dev/tcp/$1/$2; printf 'GET /metrics HTTP/1.0\r\nHost: $1\r\n\r\n' >&3; cat <&3"
}

figures() {
    local kind
    metrics_of coordinator 7080 >"$work/coordinator.metrics"
    metrics_of worker-cpu 9090 >"$work/worker.metrics"
    grep -q '^batchsweep_claims_total [1-9]' "$work/coordinator.metrics"
    grep -q '^batchsweep_worker_healthy 1' "$work/worker.metrics"
    for kind in coordinator worker; do
        expect "families of the $kind, and those that docs/DEPLOY.md lists" \
            "$(sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' "$work/$kind.metrics" | sort | paste -sd' ')" \
            "$(documented_families "$kind")"
    done
}

documented_families() {
    sed -n "/^| $1 | |/,/^\$/s/^| \`\(batchsweep_[a-z_]*\)\`.*/\1/p" docs/DEPLOY.md | sort | paste -sd' '
}

asks_prometheus() { curl -sf "http://$BATCHSWEEP_PROMETHEUS_PUBLISH/api/v1/$1"; }

prometheus_sees_all() {
    asks_prometheus 'query?query=up' >"$work/up" &&
        grep -q '"job":"coordinator"' "$work/up" && grep -q '"job":"worker"' "$work/up" && ! grep -q '"0"\]' "$work/up"
}

scraped() {
    local family
    compose --profile observability up -d prometheus
    until_true "a scrape of coordinator and worker" prometheus_sees_all
    asks_prometheus 'label/__name__/values' >"$work/scraped"
    for family in $(documented_families coordinator) $(documented_families worker); do
        grep -Eq "\"$family(_total|_bucket)?\"" "$work/scraped" ||
            { echo "test-compose: Prometheus has no $family" >&2; exit 1; }
    done
}

# The reader over the network that Grafana shares with Postgres, with the name and the password that it is given.
as_grafana() {
    PGPASSWORD=$(<deploy/secrets/reader-password) python3 scripts/compose-cases/panels.py \
        "http://$BATCHSWEEP_PROMETHEUS_PUBLISH" docker run --rm -i --env PGPASSWORD \
        --network "${COMPOSE_PROJECT_NAME}_database" postgres:17-trixie \
        psql --host postgres --username batchsweep_reader --dbname batchsweep --set ON_ERROR_STOP=1 --csv 2>"$work/panels"
}

panels() {
    cli submit /sweeps/long.toml >"$work/shown.id"
    until_true "an answer to each question of the dashboard" as_grafana || { cat "$work/panels" >&2; exit 1; }
    cat "$work/panels" >&2
    cli cancel "$(<"$work/shown.id")"
    compose --profile observability rm --stop --force prometheus
}
