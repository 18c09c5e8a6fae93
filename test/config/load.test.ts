import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isMap, isScalar, isSeq, parse, parseDocument, visit } from 'yaml'
import { ConfigError } from '../../src/config/fault.ts'
import { loadConfig, parseConfig, reloadConfig } from '../../src/config/load.ts'
import { RevenantError } from '../../src/domain/error.ts'
import { SHORTEST_RETENTION_MS } from '../../src/domain/policy.ts'
import { checks, FULL } from './checks.ts'

const DAY = 86_400_000

async function faultsOf(text: string): Promise<string[]> {
  const error = await parseConfig(text, 'f.yaml', checks).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error, text).toBeInstanceOf(ConfigError)
  if (!(error instanceof ConfigError)) return []
  expect(error.code).toBe('CONFIG_INVALID')
  const lines = error.faults.map((fault) => `${fault.line}:${fault.column} ${fault.path}: ${fault.message}`)
  for (const fault of error.faults) expect(error.message).toContain(`f.yaml:${fault.line}:${fault.column} `)
  return lines
}

describe('a good file', () => {
  it('keeps observations for no less than what evidence relies on', async () => {
    const days = SHORTEST_RETENTION_MS / DAY
    expect(await faultsOf(`retention: { observations: ${days - 1}d }\n`)).toHaveLength(1)
    expect((await parseConfig(`retention: { observations: ${days}d }\n`, 'f.yaml', checks)).retention).toEqual({
      observationsMs: SHORTEST_RETENTION_MS,
    })
  })

  it('gets every default when it is empty', async () => {
    for (const text of ['', '# only a comment\n', '{}']) {
      expect(await parseConfig(text, 'f.yaml', checks)).toEqual({
        database: { dataDir: './data', poolSize: 10 },
        listen: { host: '127.0.0.1', port: 8480 },
        zones: ['default'],
        keyRing: './data/keyring.json',
        keyRingWrap: { previous: [] },
        secretManagers: [],
        sources: [],
        custody: { shredAfterDeadMs: 90 * DAY },
        attribution: 'revenant/0.1',
        scan: { tickMs: 10_000, pageSize: 500, trialBudgetMs: 300_000, workers: 4 },
        policy: {
          revokeWithinMs: { low: DAY, standard: DAY, critical: DAY / 24 },
          verifyWithinMs: 3 * DAY,
          confirmRejections: 2,
          confirmAfterMs: 300_000,
          cadence: [{ untilMs: DAY / 24, everyMs: 300_000 }, { untilMs: DAY, everyMs: DAY / 24 }, { everyMs: DAY }],
          provenEveryMs: 7 * DAY,
          remindEveryMs: DAY,
          terminationCutOff: '18:00',
          timeZone: 'UTC',
        },
        retention: { observationsMs: 400 * DAY },
        ledger: { publish: false, anchorEveryMs: 3_600_000, anchors: [] },
        evidence: { auditorTokens: [] },
        access: { serve: true, sessions: { idleMs: DAY / 3, longestMs: DAY } },
        systems: [],
        alerts: [],
        telemetry: { logLevel: 'info' },
      })
    }
  })

  it.each([
    'listen: 127.8.9.1:1',
    'listen: localhost:1',
    'listen: "[::1]:1"',
    'listen: 0.0.0.0:1\naccess: { serve: false }',
    'listen: 0.0.0.0:1\naccess: { tls: { cert: a.pem, key: b.pem } }',
    'listen: "[::]:1"\naccess: { proxy: { trust: [10.0.0.5, "fd00::/8"] } }',
    'access: { oidc: { issuer: "http://127.0.0.1:9", clientId: r, roles: [{ claim: a, value: b, role: admin }] } }',
    'telemetry: { traceUrl: "http://jaeger.internal:16686/trace/{traceId}" }',
    'telemetry: { traceUrl: "https://grafana.example.com/explore?left=%5B%22{traceId}%22%5D" }',
    'telemetry: { traceUrl: "https://kibana.example.com/app/apm#/traces?id={traceId}" }',
  ])('may say where it is reached: %s', async (text) => {
    await expect(parseConfig(text, 'f.yaml', checks)).resolves.toBeDefined()
  })

  it.each([
    'systems: [{ name: a, probe: github, realm: ad, controls: { canary: { dn: "uid=c,ou=x", password: env:P } } }]',
    'systems: [{ name: a, probe: github, realm: ad, controls: { canary: { dn: "cn=c", password: env:P }, canaryAccount: c } }]',
    'systems: [{ name: a, probe: github, controls: { canary: { dn: "cn=c", password: env:P } } }]',
    'systems: [{ name: a, probe: github, limits: { concurrency: 3, shards: 3 } }]',
    ...['1s', '12s', '30s', '60s', '1m', '12m', '30m', '1h'].map((tick) => `scan: { tick: ${tick} }`),
  ])('may say: %s', async (text) => {
    await expect(parseConfig(text, 'f.yaml', checks)).resolves.toBeDefined()
  })

  it('keeps what it says, and fills its systems from its defaults', async () => {
    const config = await parseConfig(FULL, 'f.yaml', checks)
    expect(config).toMatchObject({
      database: { url: 'env:DATABASE_URL', poolSize: 20 },
      listen: { host: '::1', port: 0 },
      instance: 'replica-1',
      attribution: 'revenant/0.1 (+https://sec.example.com)',
      policy: { revokeWithinMs: { low: 7 * DAY, standard: DAY / 2, critical: DAY / 48 } },
    })
    expect(config.systems).toEqual([
      {
        name: 'payroll-db',
        probe: 'postgres',
        target: { host: 'db.internal' },
        tier: 'critical',
        owner: 'dba@example.com',
        realm: 'corp-ad',
        zone: 'dmz',
        schedule: { cron: '*/15 * * * *', timeZone: 'Europe/Berlin' },
        limits: {
          concurrency: 2,
          rate: { count: 3, perMs: 1_000 },
          failuresPerPrincipal: { count: 2, perMs: DAY / 2 },
          timeoutMs: 2_000,
          shards: 2,
        },
        controls: {
          canary: { username: 'canary', password: 'env:PAYROLL_CANARY' },
          validForMs: 300_000,
          confirmationValidForMs: DAY / 4,
          canaryMissing: 'refused',
        },
        allowEffects: ['rotates-token'],
        runbook: 'https://wiki.example.com/payroll',
        enabled: true,
        attribution: 'revenant payroll',
      },
      {
        name: 'github',
        probe: 'github',
        target: {},
        tier: 'standard',
        realm: 'github',
        zone: 'default',
        schedule: { cron: '0 2 * * 1-5', timeZone: 'America/New_York' },
        limits: {
          concurrency: 2,
          rate: { count: 600, perMs: 60_000 },
          failuresPerPrincipal: { count: 2, perMs: DAY / 2 },
          timeoutMs: 5_000,
          shards: 2,
        },
        controls: {
          canary: 'file:/run/secrets/github.json',
          validForMs: 1_800_000,
          confirmationValidForMs: DAY / 4,
          canaryMissing: 'allowed',
        },
        allowEffects: [],
        enabled: true,
        attribution: 'revenant/0.1 (+https://sec.example.com)',
      },
    ])
    expect(config.alerts).toEqual([
      {
        name: 'hook',
        sink: 'webhook',
        format: 'json',
        to: 'https://hooks.example.com/x',
        secret: 'env:HOOK_SECRET',
        minSeverity: 'high',
        kinds: ['residual_access'],
        options: { token: 'env:HOOK_TOKEN' },
      },
    ])
  })

  it('may share blocks by anchor and alias', async () => {
    const config = await parseConfig(
      'systems:\n - {name: a, probe: github, limits: &l {rate: 1/s}}\n - {name: b, probe: github, limits: *l}',
      'f.yaml',
      checks,
    )
    expect(config.systems.map((system) => system.limits.rate)).toEqual([
      { count: 1, perMs: 1000 },
      { count: 1, perMs: 1000 },
    ])
  })
})

const SYSTEM = 'systems:\n  - name: a\n    probe: github\n'
const SINK = 'alerts:\n  - name: a\n    sink: stdout\n    format: json\n'

const NAMED = 'must be lower-case letters and digits joined by single hyphens, e.g. payroll-db'
const REFERENCE =
  'must be a reference (env:NAME, file:/absolute/path, or one to a secret manager such as vault:NAME/PATH), never the secret itself'
const RATE = 'must be a rate such as 10/s, 600/m or 3/24h'
const DURATION = 'must be a duration such as 10s, 15m, 24h or 7d'
const CRON = 'must be a cron expression such as "*/15 * * * *" or "0 2 * * 1-5"'
const ZONE = 'must be an IANA time zone such as UTC or Europe/Berlin'

const BAD: [name: string, text: string, faults: string[]][] = [
  ['a root that is a list', '- a', ['1:1 : must be a block of keys']],
  ['a root that is text', 'hello', ['1:1 : must be a block of keys']],
  ['an unknown key, misspelt', 'scan:\n  tik: 5s\n', ['2:3 scan.tik: is not a key here; did you mean "tick"?']],
  [
    'an unknown key, unlike any',
    'retention:\n  everything: 5s\n',
    ['2:3 retention.everything: is not a key here; known are observations'],
  ],
  [
    'an anchor of a kind that there is not',
    'ledger:\n  anchors: [{ name: a, kind: blockchain }]\n',
    ['2:30 ledger.anchors[0].kind: is not one of the values; known are file, rfc3161, webhook, witness'],
  ],
  [
    'an anchor with the key of another kind',
    'ledger:\n  anchors: [{ name: a, kind: file, path: /a, url: x }]\n',
    ['2:46 ledger.anchors[0].url: is a key of another kind'],
  ],
  [
    'two anchors of one name, and a password in a URL',
    'ledger:\n  anchors:\n    - { name: a, kind: file, path: /a }\n    - { name: a, kind: webhook, url: "http://u:p@h/" }\n',
    [
      '4:15 ledger.anchors[1].name: is the name of another anchor',
      '4:38 ledger.anchors[1].url: holds a password: put the whole URL, or the password, into a reference (env:NAME, file:/absolute/path, or one to a secret manager such as vault:NAME/PATH)',
    ],
  ],
  [
    'an origin with a plus',
    'ledger: { origin: a+b }\n',
    ['1:19 ledger.origin: must be free of spaces and plus signs, e.g. log.example.com/revenant'],
  ],
  [
    'an unknown key inside a system',
    `${SYSTEM}    limit: {}\n`,
    ['4:5 systems[0].limit: is not a key here; did you mean "limits"?'],
  ],
  [
    'an unknown key inside a schedule',
    `${SYSTEM}    schedule: { cron: "* * * * *", timezone: UTC }\n`,
    ['4:36 systems[0].schedule.timezone: is not a key here; did you mean "timeZone"?'],
  ],
  [
    'a prototype key',
    '__proto__: { polluted: true }',
    [
      '1:1 (a key): is not a key here; known are access, alerts, attribution, custody, database, defaults, evidence, frameworks, instance, keyRing, ledger, listen, policy, publicUrl, retention, scan, secretManagers, sources, systems, telemetry, zones',
    ],
  ],
  [
    'a slip that makes a key of a secret',
    'attribution: {contact:hunter2}',
    ['1:15 attribution.(a key): is not a key here; known are contact'],
  ],
  ['an empty section', 'scan:\n', ['1:6 scan: is empty: give it a value, or remove the key (it must be a block of keys)']],
  ['a wrong type', 'scan: { pageSize: many }', ['1:19 scan.pageSize: must be a number']],
  ['a fraction', 'scan: { pageSize: 1.5 }', ['1:19 scan.pageSize: must be a whole number']],
  ['too much', 'scan: { pageSize: 10001 }', ['1:19 scan.pageSize: must be at most 10000']],
  ['too little', 'scan: { workers: 0 }', ['1:18 scan.workers: must be at least 1']],
  [
    'a missing key',
    'systems:\n  - probe: github\n',
    ['2:5 systems[0].name: is missing: it must be text (quote it if it looks like a number)'],
  ],
  ['a yes of YAML 1.1', `${SYSTEM}    enabled: yes\n`, ['4:14 systems[0].enabled: must be true or false']],
  ['a bad duration', 'scan: { tick: 10 s }', [`1:15 scan.tick: ${DURATION}`]],
  ['a duration that is a number', 'scan: { tick: 10 }', ['1:15 scan.tick: must be text (quote it if it looks like a number)']],
  ['a zero duration', 'scan: { tick: 0s }', [`1:15 scan.tick: ${DURATION}`]],
  ['a duration out of range', 'scan: { tick: 2h }', ['1:15 scan.tick: must be between 1s and 1h']],
  ['a bad rate', `${SYSTEM}    limits: { rate: 10/x }\n`, [`4:21 systems[0].limits.rate: ${RATE}`]],
  ['a rate of zero', `${SYSTEM}    limits: { rate: 0/s }\n`, [`4:21 systems[0].limits.rate: ${RATE}`]],
  ['a bad cron', `${SYSTEM}    schedule: "61 * * * *"\n`, [`4:15 systems[0].schedule: ${CRON}`]],
  ['a date that never comes', `${SYSTEM}    schedule: "0 0 31 2 *"\n`, [`4:15 systems[0].schedule: ${CRON}`]],
  ['a bad cron in a block', `${SYSTEM}    schedule: { cron: often }\n`, [`4:23 systems[0].schedule.cron: ${CRON}`]],
  [
    'a schedule of no kind',
    `${SYSTEM}    schedule: [1]\n`,
    ['4:15 systems[0].schedule: must be text (quote it if it looks like a number), or a block of keys'],
  ],
  ['a bad time zone', 'policy: { timeZone: Mars/Base }', [`1:21 policy.timeZone: ${ZONE}`]],
  ['an offset for a time zone', 'policy: { timeZone: "+01:00" }', [`1:21 policy.timeZone: ${ZONE}`]],
  [
    'a bad cut-off',
    'policy: { terminationCutOff: "24:00" }',
    ['1:30 policy.terminationCutOff: must be a time of day such as "18:00"'],
  ],
  [
    'a cadence that ends',
    'policy: { cadence: [{ until: 1h, every: 5m }] }',
    ['1:30 policy.cadence[0].until: must be left out in the last row, which holds for ever'],
  ],
  [
    'a cadence that never moves on',
    'policy: { cadence: [{ every: 5m }, { every: 1h }] }',
    ['1:21 policy.cadence[0]: must have `until`: only the last row holds for ever'],
  ],
  [
    'a cadence that falls',
    'policy: { cadence: [{ until: 2h, every: 5m }, { until: 1h, every: 5m }, { every: 1h }] }',
    ['1:56 policy.cadence[1].until: must be later than the row before'],
  ],
  ['an empty cadence', 'policy: { cadence: [] }', ['1:20 policy.cadence: must have at least one row']],
  ['a bad address', 'listen: localhost', ['1:9 listen: must be HOST:PORT, e.g. 127.0.0.1:8480 or [::1]:8480']],
  [
    'an address that other machines reach, in clear',
    'listen: 0.0.0.0:8480',
    [
      '1:9 listen: can be reached from other machines: give access.tls, or access.proxy where one speaks TLS before it, or access.serve: false for health and metrics alone',
    ],
  ],
  [
    'a provider in clear beyond this machine',
    'access: { oidc: { issuer: "http://login.example.com", clientId: r, roles: [{ claim: a, value: b, role: admin }] } }',
    ['1:27 access.oidc.issuer: must be an https:// URL: http:// is for a provider on this machine alone'],
  ],
  [
    'a secret of a client that is written out',
    'access: { oidc: { issuer: "https://login.example.com", clientId: r, clientSecret: hunter2, roles: [{ claim: a, value: b, role: admin }] } }',
    [
      '1:83 access.oidc.clientSecret: must be a reference (env:NAME, file:/absolute/path, or one to a secret manager such as vault:NAME/PATH), never the secret itself',
    ],
  ],
  [
    'a provider that nobody could sign in with',
    'access: { oidc: { issuer: "https://login.example.com", clientId: r, scopes: [email], roles: [] } }',
    [
      '1:77 access.oidc.scopes: must have openid among them',
      '1:93 access.oidc.roles: must name at least one: nobody else could sign in',
    ],
  ],
  ...[
    ['no place for the id', 'https://traces.example.com/trace'],
    ['two places', 'https://traces.example.com/{traceId}/{traceId}'],
    ['the id in the name of the host', 'https://{traceId}.example.com/'],
    ['the id for the port', 'https://traces.example.com:{traceId}/'],
    ['the id for the host', 'https://{traceId}/'],
    ['a user', 'https://me@traces.example.com/{traceId}'],
    ['a script', 'javascript:alert("{traceId}")'],
    ['a file', 'file:///traces/{traceId}'],
    ['a blank', 'https://traces.example.com/a {traceId}'],
    ['no address', '/trace/{traceId}'],
  ].map(([what, url]): [string, string, string[]] => [
    `an address of traces with ${what}`,
    `telemetry: { traceUrl: '${url}' }`,
    [
      '1:24 telemetry.traceUrl: must be an https:// or http:// URL without a user, with {traceId} once in its path, query or fragment',
    ],
  ]),
  [
    'a proxy whose network is too small',
    'access: { proxy: { trust: [10.0.0.0/33] } }',
    ['1:28 access.proxy.trust[0]: must be an IP address or a network such as 10.0.0.0/8'],
  ],
  ...['0.0.0.0/0', '::/0', '10.0.0.0/00'].map((all): [string, string, string[]] => [
    `a proxy that is everybody: ${all}`,
    `access: { proxy: { trust: ["${all}"] } }`,
    ['1:28 access.proxy.trust[0]: must not be every address there is: whoever sends the headers would be believed'],
  ]),
  [
    'a proxy that is no address',
    'access: { proxy: { trust: [proxy.internal] } }',
    ['1:28 access.proxy.trust[0]: must be an IP address or a network such as 10.0.0.0/8'],
  ],
  ['a port past the last', 'listen: localhost:70000', ['1:9 listen: must have a port of at most 65535']],
  [
    'a database that is not Postgres',
    'database: { url: "mysql://db/x" }',
    [
      '1:18 database.url: must be a reference (env:NAME, file:/absolute/path, or one to a secret manager such as vault:NAME/PATH) or a postgres:// URL',
    ],
  ],
  [
    'a database URL with a password',
    'database: { url: "postgres://u:hunter2@db/x" }',
    [
      '1:18 database.url: holds a password: put the whole URL, or the password, into a reference (env:NAME, file:/absolute/path, or one to a secret manager such as vault:NAME/PATH)',
    ],
  ],
  [
    'a password in the URL of a target',
    `${SYSTEM}    target: { baseUrl: "https://u:hunter2@h/" }\n`,
    [
      '4:24 systems[0].target.baseUrl: holds a password: put the whole URL, or the password, into a reference (env:NAME, file:/absolute/path, or one to a secret manager such as vault:NAME/PATH)',
    ],
  ],
  [
    'a contact with a line break',
    'attribution: { contact: "a\\nb" }',
    ['1:25 attribution.contact: must be one line of printable ASCII'],
  ],
  ['a bad system name', 'systems: [{ name: Payroll DB, probe: github }]', [`1:19 systems[0].name: ${NAMED}`]],
  [
    'a name twice',
    'systems:\n  - { name: a, probe: github }\n  - { name: b, probe: github }\n  - { name: a, probe: github }\n',
    ['4:13 systems[2].name: is the name of systems[0] already: choose another'],
  ],
  [
    'a sink name twice',
    'alerts:\n  - { name: a, sink: stdout, format: json }\n  - { name: a, sink: stdout, format: json }\n',
    ['3:13 alerts[1].name: is the name of alerts[0] already: choose another'],
  ],
  [
    'an unknown probe',
    'systems: [{ name: a, probe: postgre }]',
    ['1:29 systems[0].probe: is no probe of this build; did you mean "postgres"?'],
  ],
  ['a bad target', 'systems: [{ name: a, probe: postgres, target: { host: 1 } }]', ['1:55 systems[0].target.host: must be text']],
  ['a target left out', 'systems: [{ name: a, probe: postgres }]', ['1:11 systems[0].target.host: must be text']],
  ['a bad tier', `${SYSTEM}    tier: critcal\n`, ['4:11 systems[0].tier: is not one of the values; did you mean "critical"?']],
  ['a literal canary', `${SYSTEM}    controls: { canary: hunter2 }\n`, [`4:25 systems[0].controls.canary: ${REFERENCE}`]],
  [
    'a literal inside a canary',
    `${SYSTEM}    controls: { canary: { username: u, password: hunter2 } }\n`,
    [`4:50 systems[0].controls.canary.password: ${REFERENCE}`],
  ],
  [
    'a relative file reference',
    `${SYSTEM}    controls: { canary: "file:secret.json" }\n`,
    [`4:25 systems[0].controls.canary: ${REFERENCE}`],
  ],
  [
    'a needed canary that is missing',
    `${SYSTEM}    controls: { canaryMissing: refused }\n`,
    ['2:5 systems[0]: needs controls.canary: canaryMissing is refused'],
  ],
  [
    'a needed canary that is missing, by default',
    `defaults: { controls: { canaryMissing: refused } }\n${SYSTEM}`,
    ['3:5 systems[0]: needs controls.canary: canaryMissing is refused'],
  ],
  [
    'an attempt longer than its trial',
    `scan: { trialBudget: 30s }\n${SYSTEM}    limits: { timeout: 1m }\n`,
    ['5:24 systems[0].limits.timeout: must be shorter than scan.trialBudget: no attempt would fit into a trial'],
  ],
  [
    'attempts longer than trials, by default',
    'scan: { trialBudget: 30s }\ndefaults: { limits: { timeout: 30s } }\n',
    ['2:32 defaults.limits.timeout: must be shorter than scan.trialBudget: no attempt would fit into a trial'],
  ],
  [
    'more shards than attempts at a time',
    `${SYSTEM}    limits: { concurrency: 2, shards: 3 }\n`,
    [
      '4:39 systems[0].limits.shards: makes 3 shards with 2 attempts at a time: each shard needs one of its own; raise concurrency, or have fewer shards',
    ],
  ],
  [
    'more shards than attempts at a time, for the concurrency',
    `defaults: { limits: { shards: 4 } }\n${SYSTEM}    limits: { concurrency: 1 }\n`,
    [
      '5:28 systems[0].limits.concurrency: makes 4 shards with 1 attempt at a time: each shard needs one of its own; raise concurrency, or have fewer shards',
    ],
  ],
  [
    'more shards than attempts at a time, by default',
    'defaults: { limits: { shards: 5 } }\n',
    [
      '1:31 defaults.limits.shards: makes 5 shards with 4 attempts at a time: each shard needs one of its own; raise concurrency, or have fewer shards',
    ],
  ],
  [
    'two budgets for the accounts of one realm',
    'systems:\n  - { name: a, probe: github, realm: ad }\n  - { name: b, probe: github, realm: ad, limits: { failuresPerPrincipal: 5/1h } }\n',
    [
      '3:74 systems[1].limits.failuresPerPrincipal: differs in failuresPerPrincipal from systems[0], which has the same realm: an account has one budget, so give both the same',
    ],
  ],
  [
    'two budgets for one realm that is named after a system',
    'systems:\n  - { name: ad, probe: github, limits: { failuresPerPrincipal: 1/h } }\n  - { name: b, probe: github, realm: ad }\n',
    [
      '3:38 systems[1].realm: differs in failuresPerPrincipal from systems[0], which has the same realm: an account has one budget, so give both the same',
    ],
  ],
  [
    'a canary of a realm whose account cannot be told',
    `${SYSTEM}    realm: ad\n    controls: { canary: { dn: "cn=The Canary,ou=x", password: env:P } }\n`,
    [
      '5:31 systems[0].controls.canary.dn: does not tell which account of the realm it is, for its lockout budget: name it in controls.canaryAccount',
    ],
  ],
  ...['7s', '45s', '59s', '61s', '90s', '1500ms', '7m', '59m'].map((tick): [string, string, string[]] => [
    `a tick of uneven gaps: ${tick}`,
    `scan: { tick: ${tick} }`,
    [
      '1:15 scan.tick: must divide a minute or an hour: 1s, 2s, 3s, 4s, 5s, 6s, 10s, 12s, 15s, 20s, 30s, 1m, 2m, 3m, 4m, 5m, 6m, 10m, 12m, 15m, 20m, 30m or 1h',
    ],
  ]),
  [
    'an effect of no name',
    `${SYSTEM}    allowEffects: [write]\n`,
    ['4:20 systems[0].allowEffects[0]: is not one of the values; did you mean "writes"?'],
  ],
  [
    'a runbook that is no page',
    `${SYSTEM}    runbook: "javascript:alert(1)"\n`,
    ['4:14 systems[0].runbook: must be an http:// or https:// URL'],
  ],
  ['an unknown sink', 'alerts: [{ name: a, sink: pigeon, format: json }]', ['1:27 alerts[0].sink: is no sink of this build']],
  ["a key that is not the sink's", `${SINK}    colour: red\n`, ['5:5 alerts[0].colour: is not a key of this sink']],
  ['a literal signing secret', `${SINK}    secret: hunter2\n`, [`5:13 alerts[0].secret: ${REFERENCE}`]],
  ['a literal token of a sink', `${SINK}    token: hunter2\n`, [`5:12 alerts[0].token: ${REFERENCE}`]],
  [
    'an unknown kind of finding',
    `${SINK}    kinds: [residual_acess]\n`,
    ['5:13 alerts[0].kinds[0]: is not one of the values; did you mean "residual_access"?'],
  ],
  ['a key twice', 'scan: { tick: 5s }\nscan: { tick: 6s }\n', ['2:1 : names this key twice: keep one']],
  ['a tab', 'scan:\n\ttick: 5s\n', ['2:1 : is indented by a tab: use spaces']],
  [
    'a custom tag',
    'scan: { tick: !secret hunter2 }',
    ['1:15 : has a tag (!name) that means nothing here: remove it, or quote a value that begins with !'],
  ],
  [
    'an alias of nothing',
    'scan: *hunter2',
    ['1:7 : an alias (*name) needs an anchor (&name) before it; quote a value that begins with *'],
  ],
  ['two documents', 'scan: {}\n---\nscan: {}\n', ['2:1 : holds a second document: remove the `---`']],
  [
    'an open quote',
    'scan: { tick: "5s }\n',
    [
      '2:1 : misses a character, most often a closing quote, brace, bracket or a `:`; or is indented otherwise than the lines above',
    ],
  ],
]

describe('a bad file', () => {
  it.each(BAD)('%s', async (_name, text, faults) => {
    const found = await faultsOf(text)
    expect(found.slice(0, faults.length)).toEqual(faults)
    // Broken YAML may be reported more than once; everything else exactly as listed.
    if (!faults[0]?.includes(' : ') || faults[0].includes('block of keys')) expect(found).toEqual(faults)
    expect(found.join('\n')).not.toContain('hunter2')
  })

  it('reports everything at once, in the order of its lines', async () => {
    const text = `
scan: { tik: 5s, pageSize: many }
policy: { timeZone: Mars/Base, cadence: [{ every: 5m }, { every: 1h }] }
systems:
  - { name: a, probe: postgre, limits: { rate: often }, controls: { canary: { password: x } } }
  - { name: a, probe: postgres, target: { host: 1 }, schedule: often }
alerts:
  - { name: a, sink: pigeon, format: json }
`
    expect((await faultsOf(text)).map((fault) => fault.replace(/^\d+:\d+ ([^ ]+):.*$/, '$1'))).toEqual([
      'scan.tik',
      'scan.pageSize',
      'policy.timeZone',
      'policy.cadence[0]',
      'systems[0].probe',
      'systems[0].limits.rate',
      'systems[0].controls.canary.password',
      'systems[1].name',
      'systems[1].target.host',
      'systems[1].schedule',
      'alerts[0].sink',
    ])
  })

  it('says the first fault of YAML that is broken, for the parser guesses what follows', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => `  - { name: s${i}, probe: http }`)
    const [found, ...others] = await faultsOf(['systems: }', ...rows, ''].join('\n'))
    expect([found?.split(':')[0], others]).toEqual(['1', []])
    // What stands before it and on its own is said with it.
    expect((await faultsOf('listen: a\nlisten: b\nsystems: }\n  - x\n  - y\n')).map((each) => each.split(':')[0])).toEqual([
      '2',
      '3',
    ])
  })

  it('lists twenty faults and counts the others', async () => {
    const text = `systems:\n${Array.from({ length: 25 }, (_, i) => `  - { name: s${i}, probe: nowhere }\n`).join('')}`
    const error = await parseConfig(text, 'f.yaml', checks).catch((thrown: unknown) => thrown)
    if (!(error instanceof ConfigError)) throw new Error('taken')
    expect(error.faults).toHaveLength(25)
    expect(error.message).toMatch(/^f\.yaml has 25 faults:\n(?: {2}f\.yaml:\d+:.*\n){20} {2}and 5 more$/)
  })

  it('does not exhaust memory by aliases', async () => {
    const rows = Array.from(
      { length: 12 },
      (_, i) =>
        `a${i}: &a${i} [${Array(10)
          .fill(i === 0 ? 'x' : `*a${i - 1}`)
          .join(', ')}]`,
    )
    expect((await faultsOf(rows.join('\n')))[0]).toContain('too many aliases')
  })

  it('does not run in circles', async () => {
    expect(await faultsOf('systems: &a [*a]')).toEqual(['1:14 : an alias includes itself'])
    expect(await faultsOf('systems: &a [{ name: [*a] }]')).toEqual(['1:23 : an alias includes itself'])
    expect(await faultsOf(`systems: ${'['.repeat(20_000)}`)).not.toEqual([])
  })

  it('quotes no value, whatever value is wrong', async () => {
    const marker = 'hunter2-9f41'
    const total = countScalars(FULL)
    expect(total).toBeGreaterThan(60)
    let refused = 0
    for (let index = 0; index < total; index++) {
      for (const planted of [marker, `postgres://u:${marker}@h/d`, ` ${marker}\n`]) {
        const error = await parseConfig(plant(FULL, index, planted), 'f.yaml', checks).catch((thrown: unknown) => thrown)
        if (!(error instanceof ConfigError)) continue
        refused++
        expect(error.message).not.toContain(marker)
        expect(JSON.stringify(error.faults)).not.toContain(marker)
      }
    }
    expect(refused).toBeGreaterThan(total)
  })
})

function countScalars(text: string): number {
  let count = 0
  visit(parseDocument(text), { Scalar: (key) => void (key === 'key' ? 0 : count++) })
  return count
}

function plant(text: string, at: number, value: string): string {
  const document = parseDocument(text)
  let index = 0
  visit(document, {
    Scalar: (key, node) => {
      if (key !== 'key' && index++ === at) node.value = value
    },
  })
  return document.toString()
}

describe('files', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'revenant-config-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('says what to do when there is none', async () => {
    const error = await loadConfig(join(folder, 'none.yaml'), checks).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RevenantError)
    expect(error).toMatchObject({ code: 'CONFIG_UNREADABLE', message: expect.stringContaining('REVENANT_CONFIG') })
    await expect(loadConfig(folder, checks)).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' })
  })

  it('refuses bytes that are no text', async () => {
    const path = join(folder, 'latin1.yaml')
    await writeFile(path, Buffer.from([0x61, 0x3a, 0x20, 0xff]))
    await expect(loadConfig(path, checks)).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' })
  })

  it('keeps the old configuration when the new file is bad, missing or cannot be checked', async () => {
    const path = join(folder, 'revenant.yaml')
    await writeFile(path, 'scan: { workers: 2 }')
    const current = await loadConfig(path, checks)

    await writeFile(path, 'scan: { workers: 3 }')
    const good = await reloadConfig(current, path, checks)
    expect(good).toMatchObject({ config: { scan: { workers: 3 } } })

    await writeFile(path, 'scan: { workers: none }')
    const bad = await reloadConfig(current, path, checks)
    expect(bad).toMatchObject({ fault: { code: 'CONFIG_INVALID' } })
    expect('kept' in bad && bad.kept).toBe(current)

    expect(await reloadConfig(current, join(folder, 'gone.yaml'), checks)).toMatchObject({ fault: { code: 'CONFIG_UNREADABLE' } })

    await writeFile(path, SYSTEM)
    const broken = { ...checks, checkTarget: () => Promise.reject(new TypeError('driver: hunter2')) }
    const failed = await reloadConfig(current, path, broken)
    expect(failed).toMatchObject({ fault: { code: 'INTERNAL' } })
    expect('fault' in failed && failed.fault.message).not.toContain('hunter2')
  })
})

it('FULL uses every section and only plain YAML', () => {
  const document = parseDocument(FULL)
  expect(isMap(document.contents) && document.contents.items.length).toBe(16)
  expect(isScalar(document.contents) || isSeq(document.contents)).toBe(false)
  expect(parse(FULL)).toBeTypeOf('object')
})
