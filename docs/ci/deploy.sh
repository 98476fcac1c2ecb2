#!/usr/bin/env bash
# Deploys one code location from a git checkout with nothing but git, GNU tar, curl and jq.
#
#   DAGGERBOARD_URL, DAGGERBOARD_TOKEN, DAGGERBOARD_ORGANIZATION, DAGGERBOARD_DEPLOYMENT
#   deploy.sh LOCATION FOLDER '{"module_name": "shop.definitions"}'
#
# With PULL_REQUEST, REPOSITORY (owner/name) and BRANCH set, it goes to the pull request's branch deployment.
set -euo pipefail

location=$1 folder=$2 target=${3:-"{}"}
organization=$DAGGERBOARD_URL/api/v1/organizations/$DAGGERBOARD_ORGANIZATION
deployment=$DAGGERBOARD_DEPLOYMENT
sha=$(git rev-parse HEAD)
archive=$(mktemp)
trap 'rm -f "$archive"' EXIT

# The token comes from a file descriptor: the arguments of a process can be read by everybody on the machine.
ask() {
  curl --silent --show-error --fail-with-body --retry 3 --config <(printf 'header = "Authorization: Bearer %s"\n' "$DAGGERBOARD_TOKEN") "$@"
}
ask_json() {
  ask --header 'Content-Type: application/json' "$@"
}

# 1. A pull request has a branch deployment: made if there is none.
if [ -n "${PULL_REQUEST:-}" ]; then
  deployment=$(jq -n --arg repository "$REPOSITORY" --arg branch "$BRANCH" --argjson number "$PULL_REQUEST" --arg sha "$sha" --arg base "$deployment" \
    '{repository: $repository, branch: $branch, pull_request: $number, pull_request_status: "OPEN", head_sha: $sha, base: $base}' |
    ask_json --data @- "$organization/branch-deployments/" | jq -r .name)
fi

# 2. The files that git knows as a gzipped tar, uploaded unless it is there already. Without times and owners: the same files make the same
#    archive, and nothing is deployed when nothing changed.
git -C "$folder" ls-files -z |
  tar --create --directory "$folder" --null --files-from - --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX |
  gzip --no-name >"$archive"
sha256=$(sha256sum "$archive" | cut -d ' ' -f 1)
missing=$(ask_json --data "{\"sha256s\": [\"$sha256\"]}" "$organization/source-archives/missing/" | jq '.missing | length')
if [ "$missing" -gt 0 ]; then
  ask --request PUT --data-binary "@$archive" --header 'Content-Type: application/gzip' "$organization/source-archives/$sha256/"
fi

# 3. Deploy it.
version=$(jq -n --arg name "$location" --argjson target "$target" --arg sha256 "$sha256" --arg sha "$sha" \
  '{locations: [{name: $name, target: $target, source_sha256: $sha256, git_commit: $sha}], sha: $sha}' |
  ask_json --data @- "$organization/deployments/$deployment/deploy/" | jq -r '.[0].id')

# 4. Wait until an agent has loaded it; print the user's traceback if it failed.
for _ in $(seq 1 600); do
  now=$(ask "$organization/deployments/$deployment/code-locations/$(jq -rn --arg name "$location" '$name | @uri')/")
  state=$(jq -r --arg version "$version" '.desired_version | if .id == $version then .state else "replaced" end' <<<"$now")
  case $state in
    loaded)
      echo "$location is loaded in $deployment."
      exit 0
      ;;
    failed)
      jq -r '.desired_version.error | (.stack // [] | join("")), .message' <<<"$now" >&2
      exit 1
      ;;
    replaced)
      echo "Somebody else deployed $location in the meantime." >&2
      exit 1
      ;;
  esac
  sleep 1
done
echo "$location was not loaded within ten minutes: $(ask --get --data-urlencode "location=$location" "$organization/deployments/$deployment/serving/" | jq -r '.unserved // "an agent is at it"')" >&2
exit 1
