# Cases of scripts/test-compose: workers of another host, and new secrets. Read by it, not run alone.

# A new token in place of the old one, as documented; the old one is worth nothing then.
new_secret() {
    cp deploy/secrets/worker-token "$work/old-token"
    deploy/make-secrets --replace worker-token
    compose --profile cpu up -d --wait --wait-timeout 180 --force-recreate
    expect "tokens of the workers: valid, revoked" "$(sql "select count(*) filter (where revoked_at is null) || ' ' || count(revoked_at)
        from core.token where name = 'compose-workers'")" "1 1"
    cli submit /examples/seed.toml --wait >/dev/null
    # As the address of a coordinator is found: by name, from inside.
    ! docker run --rm --network "${COMPOSE_PROJECT_NAME}_cluster" --volume "$work/old-token:/token:ro" batchsweep-worker:0.1.0-cpu \
        timeout 60 batchsweep-worker --coordinator http://coordinator:7070 --token-file /token >"$work/refused" 2>&1 || exit 1
    grep -q token "$work/refused"
}

# elsewhere IMAGE ARGUMENT... runs a container that is in none of the networks of the compose file, as if on another host: it
# knows the address of the coordinator, and what it was given.
elsewhere() {
    local files=() file
    for file in ca worker worker-key client client-key; do
        files+=(--volume "$PWD/deploy/certs/$file.pem:/certs/$file.pem:ro")
    done
    docker run --network bridge --add-host "coordinator.example:$gateway" "${files[@]}" \
        --volume "$PWD/deploy/secrets/cli-token:/cli-token:ro" --volume "$work/host-7.token:/token:ro" \
        --env BATCHSWEEP_CA_FILE=/certs/ca.pem "$@"
}

# bridge_gateway IMAGE prints the address of this host in Docker's default bridge. A container of the image is asked where it
# sends what is for others: an engine that was just installed says nothing of the gateway until its daemon was started again.
# Nothing found is an error: an empty address would publish the port on every one of this host's.
bridge_gateway() {
    local route
    route=$(docker run --rm --network bridge --entrypoint cat "$1" /proc/net/route | awk '$2 == "00000000" { print $3; exit }')
    [[ $route =~ ^[0-9A-F]{8}$ && $route != 00000000 ]] || {
        echo "test-compose: a container in Docker's default bridge has no gateway (its route: '$route')" >&2
        return 1
    }
    # Hexadecimal, the last part first.
    printf '%d.%d.%d.%d\n' "0x${route:6:2}" "0x${route:4:2}" "0x${route:2:2}" "0x${route:0:2}"
}

address=https://coordinator.example:17072

# refused WHY ARGUMENT... is how `ls` must end.
refused() {
    local why=$1
    shift
    ! elsewhere --rm batchsweep:0.1.0 batchsweep ls --token-file /cli-token "$@" >"$work/refused" 2>&1 || exit 1
    grep -qi -- "$why" "$work/refused" || { cat "$work/refused" >&2; exit 1; }
}

mutual_tls() {
    local gateway commands sweep
    gateway=$(bridge_gateway batchsweep:0.1.0)
    mapfile -t commands < <(documented "Several hosts")
    expect "commands for several hosts" "${#commands[@]}" 3
    export BATCHSWEEP_GRPC_PUBLISH=$gateway:17072
    compose --profile cpu down
    PATH=${CARGO_TARGET_DIR:-$root/target}/debug:$PATH bash -euc "${commands[0]}"
    bash -euc "${commands[1]/--profile cpu/} coordinator"
    bash -euc "${commands[2]/host-7.token/$work/host-7.token}"
    chmod 644 "$work/host-7.token"

    refused "certificate" --coordinator $address
    refused "https" --coordinator "http://coordinator.example:17072"
    elsewhere --rm batchsweep:0.1.0 batchsweep ls --coordinator $address --token-file /cli-token \
        --client-cert /certs/client.pem --client-key /certs/client-key.pem >/dev/null

    elsewhere --detach --name "$COMPOSE_PROJECT_NAME-elsewhere" --env BATCHSWEEP_COORDINATOR=$address \
        --env BATCHSWEEP_WORKER_NAME=host-7 --env BATCHSWEEP_TOKEN_FILE=/token --env BATCHSWEEP_THREADS=1 \
        --env BATCHSWEEP_CLIENT_CERT=/certs/worker.pem --env BATCHSWEEP_CLIENT_KEY=/certs/worker-key.pem \
        batchsweep-worker:0.1.0-cpu >/dev/null
    sweep=$(docker compose -f docker-compose.yml -f deploy/mutual-tls.yml run --rm -T cli \
        submit /examples/seed.toml --wait 2>>"$work/cli.log")
    expect "who trained the sweep" "$(sql "select string_agg(distinct worker, ' ') from batchsweep.result where sweep_id = '$sweep'")" \
        host-7
    docker rm --force "$COMPOSE_PROJECT_NAME-elsewhere" >/dev/null
    # And this host's own workers under it.
    bash -euc "${commands[1]}"
    export BATCHSWEEP_GRPC_PUBLISH=127.0.0.1:17070-17071
    compose --profile cpu up -d --wait --wait-timeout 180
}
