import type { ConfigChecks } from '../../src/config/rules.ts'

/** Checks as the composition root gives them, for two probes and two sinks. One is asynchronous, as lazy drivers make them. */
export const checks: ConfigChecks = {
  probeKinds: ['postgres', 'github'],
  checkTarget: async (kind, target) => {
    if (kind !== 'postgres') return []
    return typeof target.host === 'string' ? [] : [{ path: ['host'], message: 'must be text' }]
  },
  checkSink: (sink) => {
    if (!['webhook', 'stdout'].includes(sink.sink)) return [{ path: ['sink'], message: 'is no sink of this build' }]
    return Object.keys(sink.options)
      .filter((key) => key !== 'token')
      .map((key) => ({ path: [key], message: 'is not a key of this sink', at: 'key' as const }))
  },
  checkSource: ({ options }) =>
    Object.keys(options)
      .filter((key) => key !== 'tokens')
      .map((key) => ({ path: [key], message: 'is not a key of this source', at: 'key' as const })),
}

/** A file that uses every key. */
export const FULL = `
database: { url: env:DATABASE_URL, dataDir: ./d, poolSize: 20 }
listen: '[::1]:0'
instance: replica-1
zones: [default, dmz]
keyRing:
  file: /var/lib/revenant/keyring.json
  wrap: { by: vaultTransit, manager: main, key: ring }
  previous:
    - { by: passphrase, passphrase: file:/run/secrets/ring }
    - { by: awsKms, manager: amazon, key: alias/ring }
    - { by: gcpKms, manager: google, key: projects/p/locations/l/keyRings/r/cryptoKeys/k }
    - { by: azureKeyVault, manager: microsoft, key: ring }
secretManagers:
  - name: main
    manager: vault
    address: https://vault.internal:8200/
    namespace: team-a
    caFile: /etc/ca.pem
    auth: { method: approle, roleId: r, secretId: env:VAULT_SECRET_ID }
    kv: { secret: 2, team/kv: 1 }
  - { name: amazon, manager: aws, region: eu-west-1, auth: { accessKeyId: env:A, secretAccessKey: env:B, sessionToken: env:C } }
  - { name: google, manager: gcp, project: project-1, location: europe-west3, credentials: file:/run/secrets/gcp.json }
  - name: microsoft
    manager: azure
    address: https://vault-1.vault.azure.net
    auth: { method: client-secret, tenantId: t, clientId: c, clientSecret: env:AZURE_SECRET }
  - { name: connect, manager: 1password, address: "http://127.0.0.1:8080", token: env:CONNECT_TOKEN }
  - { name: pod, manager: kubernetes, folder: /var/run/secrets/revenant }
  - { name: pass, manager: exec, program: /usr/bin/pass, args: [show], argument: "team/[a-z]+" }
attribution: { contact: https://sec.example.com }
scan: { tick: 5s, pageSize: 100, trialBudget: 10m, workers: 8 }
policy:
  revokeWithin: { default: 12h, low: 7d, critical: 30m }
  verifyWithin: 48h
  confirmRejections: 3
  confirmAfter: 10m
  cadence: [{ until: 2h, every: 1m }, { every: 12h }]
  provenEvery: 14d
  remindEvery: 8h
  terminationCutOff: '17:30'
  timeZone: Europe/Berlin
retention: { observations: 800d }
custody: { shredAfterDead: never, cloudKeyMaxAge: 365d }
defaults:
  limits: { concurrency: 2, rate: 600/m, failuresPerPrincipal: 2/12h, timeout: 5s, shards: 2 }
  controls: { validFor: 30m, confirmationValidFor: 6h, canaryMissing: allowed }
systems:
  - name: payroll-db
    probe: postgres
    target: { host: db.internal }
    tier: critical
    owner: dba@example.com
    realm: corp-ad
    zone: dmz
    schedule: "*/15 * * * *"
    limits: { rate: 3/s, timeout: 2s }
    controls: { canary: { username: canary, password: env:PAYROLL_CANARY }, validFor: 5m, canaryMissing: refused }
    allowEffects: [rotates-token]
    runbook: https://wiki.example.com/payroll
    enabled: true
    attribution: revenant payroll
  - name: github
    probe: github
    schedule: { cron: 0 2 * * 1-5, timeZone: America/New_York }
    controls: { canary: file:/run/secrets/github.json }
sources:
  - name: okta
    source: scim
    onInactive: terminate
    onDeleted: ask
    joiners: ignore
    massEvent: { share: 0.2, least: 5, window: 2h }
    silentAfter: 3d
    tokens: [env:OKTA_TOKEN]
alerts:
  - name: hook
    sink: webhook
    format: json
    to: https://hooks.example.com/x
    secret: env:HOOK_SECRET
    minSeverity: high
    kinds: [residual_access]
    token: env:HOOK_TOKEN
telemetry: { logLevel: debug }
`
