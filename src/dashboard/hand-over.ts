/** What a script runs to hand over one secret that nobody between it and the daemon can read: the secret says whose it is, and where. */
export function handOverCommand(recipient: string, origin: string): string {
  return [
    `secret='{"identity":"E1042","system":"code-host","secret":{"token":"…"}}'`,
    `age=$(printf %s "$secret" | age -r ${recipient} | base64 -w0)`,
    `jq -nc --arg a "$age" '{identity:"E1042",system:"code-host",label:"laptop",secret_age:$a}' |`,
    // The token goes by a file descriptor: arguments are for everybody to see.
    `  curl --fail-with-body -H @<(printf 'Authorization: Bearer %s' "$REVENANT_TOKEN") -H 'Content-Type: application/x-ndjson' \\`,
    `    --data-binary @- ${origin}/v1/import/credentials`,
  ].join('\n')
}
