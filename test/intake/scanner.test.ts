import { Readable } from 'node:stream'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { FoundReport } from '../../src/intake/found/found-report.ts'
import type { FoundWords } from '../../src/intake/found/import-found.ts'
import { retireCredential } from '../../src/intake/retire.ts'
import { importReport } from '../../src/intake/scanner/import-report.ts'
import { newSshKey } from '../../src/lab/ssh-key.ts'
import { type FoundHouse, openFoundHouse } from './found-house.ts'
import { FUZZ_MS, LINE, RUNS, SECRET } from './fuzz.ts'

/** Findings in one malformed report. */
const LINES = 100
/** Whatever quotes a secret is found by this. */
const MARK = 'Made0Up0For0Tests'
const token = (prefix: string, n = 0) => `${prefix}${MARK}${String(n).padStart(20, '0')}`
const GITHUB = token('ghp_')

/** TruffleHog 3.9, `--json`: pkg/output/json.go. */
const hog = (DetectorName: string, Raw: string, more: Record<string, unknown> = {}) => ({
  SourceMetadata: {
    Data: {
      Git: {
        commit: '0000000000000000000000000000000000000000',
        file: 'src/app.py',
        email: 'Anna Albers <anna@example.com>',
        repository: 'https://github.com/acme/app',
        timestamp: '2026-10-01 10:00:00 +0000',
        line: 12,
      },
    },
  },
  SourceID: 1,
  SourceType: 16,
  SourceName: 'trufflehog - git',
  DetectorType: 8,
  DetectorName,
  DetectorDescription: '',
  DecoderName: 'PLAIN',
  Verified: false,
  VerificationFromCache: false,
  Raw,
  RawV2: '',
  Redacted: '',
  ExtraData: null,
  StructuredData: null,
  SecretParts: null,
  ...more,
})

/** gitleaks 8, `--report-format json`: report/finding.go. */
const leak = (RuleID: string, Secret: string, more: Record<string, unknown> = {}) => ({
  RuleID,
  Description: '',
  StartLine: 3,
  EndLine: 3,
  StartColumn: 1,
  EndColumn: 9,
  Match: Secret,
  Secret,
  File: 'deploy.sh',
  SymlinkFile: '',
  Commit: '0000000000000000000000000000000000000000',
  Entropy: 4.1,
  Author: 'Anna Albers',
  Email: 'anna@example.com',
  Date: '2026-10-01T10:00:00Z',
  Message: 'deploy',
  Tags: [],
  Fingerprint: '0:deploy.sh:rule:3',
  ...more,
})

/** Kingfisher 1.7x, a record of `--format jsonl`: FindingReporterRecord in src/reporter.rs. */
const fish = (id: string, snippet: string, more: Record<string, unknown> = {}) => ({
  rule: { name: 'Rule', id },
  finding: {
    snippet,
    fingerprint: '1',
    confidence: 'medium',
    entropy: '4.10',
    validation: { status: 'Not Attempted', response: '' },
    language: 'Python',
    line: 7,
    column_start: 1,
    column_end: 9,
    path: '/tmp/clone/app.py',
    git_metadata: {
      repository_url: 'https://github.com/acme/app',
      commit: { id: '0', url: '', date: '2026-10-01', committer: { name: 'Anna', email: 'anna@example.com' } },
      file: { path: 'app.py', url: '', git_command: '' },
    },
    ...more,
  },
})

describe('findings of scanners', () => {
  let house: FoundHouse
  beforeAll(async () => {
    house = await openFoundHouse()
  })
  afterAll(() => house?.close())

  const send = async (text: string, words: Partial<FoundWords> = {}, dryRun = false): Promise<FoundReport> => {
    const stream = Readable.from([Buffer.from(text)])
    const report = await importReport({ stream, name: 'findings.json' }, house.words(words), house.deps, { dryRun })
    expect(JSON.stringify(report)).not.toContain(MARK)
    return report
  }
  const lines = (rows: readonly unknown[], words?: Partial<FoundWords>, dryRun?: boolean) =>
    send(rows.map((row) => JSON.stringify(row)).join('\n'), words, dryRun)
  // Each test begins anew.
  afterEach(async () => {
    for (const who of ['anna', 'bob', 'twin-1', 'twin-2']) {
      for (const { id } of await house.held(who)) await retireCredential(id, house.deps)
    }
  })

  it('TruffleHog: seals each for its system, says what would happen first, and changes nothing the second time', async () => {
    const key = token('glpat-')
    const rows = [
      hog('Github', GITHUB, { Verified: true, SecretParts: { key: GITHUB } }),
      hog('Gitlab', key, { RawV2: `${key}https://git.example.com`, SecretParts: { key, host: 'https://git.example.com' } }),
      hog('Postgres', `postgres://anna:p@ss/${MARK}@DB.example.com:5432`),
      hog('LDAP', `ldaps://ldap.example.com\tanna\t${MARK}`),
      hog('Okta', `00${MARK}`, { RawV2: `acme.okta.com:00${MARK}` }),
      hog('JiraToken', token('ATATT3xFf'), { RawV2: `anna@example.com:${token('ATATT3xFf')}:acme.atlassian.net` }),
      hog('HashiCorpVaultToken', token('hvs.'), { RawV2: `${token('hvs.')}:https://vault.example.com:8200` }),
      hog('Docker', 'x', {
        SecretParts: { registry: 'registry.example.com:5000', auth: Buffer.from(`anna:${MARK}`).toString('base64') },
      }),
      hog('Dockerhub', token('dckr_pat_'), { RawV2: `anna:${token('dckr_pat_')}` }),
      hog('DatadogToken', 'a'.repeat(40), {
        SecretParts: { app_key: `${MARK}app`, api_key: `${MARK}api`, endpoint: 'https://api.datadoghq.eu' },
      }),
      hog('CloudflareGlobalApiKey', MARK, { RawV2: `${MARK}anna@example.com` }),
      hog('SlackWebhook', `https://hooks.slack.com/services/T000/B000/${MARK}`),
      hog('URI', `https://anna:${MARK}%21@intranet.example.com`, { RawV2: `https://anna:${MARK}%21@intranet.example.com/wiki` }),
    ]
    expect(await lines(rows, {}, true)).toMatchObject({ found: 13, created: 13, dueNow: 13, aside: [] })
    expect(await house.held('anna')).toEqual([])
    expect(await lines(rows)).toMatchObject({ created: 13, dueNow: 13, asideTotal: 0, claims: { works: 1, fails: 12 } })
    expect(await house.secrets('anna')).toEqual([
      ['cloudflare', { email: 'anna@example.com', globalKey: MARK }],
      ['datadog', { apiKey: `${MARK}api`, applicationKey: `${MARK}app` }],
      ['directory', { username: 'anna', password: MARK }],
      ['github', { token: GITHUB }],
      ['gitlab', { token: key }],
      ['hook', { team: 'T000', hook: 'B000', key: MARK }],
      ['hub', { username: 'anna', password: token('dckr_pat_') }],
      ['intranet', { username: 'anna', password: `${MARK}!` }],
      ['jira', { email: 'anna@example.com', apiToken: token('ATATT3xFf') }],
      ['okta', { token: `00${MARK}` }],
      ['payroll', { username: 'anna', password: `p@ss/${MARK}` }],
      ['registry', { username: 'anna', password: MARK }],
      ['vault', { token: token('hvs.') }],
    ])
    expect(await lines(rows)).toMatchObject({ created: 0, updated: 0, unchanged: 13, dueNow: 0 })
    const [audited] = await house.store.db
      .selectFrom('audit')
      .select(['detail', 'subject'])
      .where('action', '=', 'report.import')
      .orderBy('at')
      .execute()
    expect(audited).toMatchObject({ subject: 'findings.json', detail: { created: 13, found: 13 } })
    expect(JSON.stringify(audited)).not.toContain(MARK)
  })

  it('gitleaks and Kingfisher: the same secret is one credential, whoever finds it', async () => {
    const secret = token('ghp_', 2)
    const array = JSON.stringify([leak('github-pat', secret), leak('github-pat', secret, { File: 'other.sh' })], null, 1)
    expect(await send(array)).toMatchObject({ found: 2, created: 1, joined: 1, asideTotal: 0 })
    const record = fish('kingfisher.github.2', secret)
    for (const text of [
      JSON.stringify(record),
      JSON.stringify([{ id: 'kingfisher.github.1', matches: [record] }], null, 2),
      JSON.stringify({ findings: [record], access_map: [] }, null, 2),
      `${JSON.stringify(record)}\n${JSON.stringify({ access_map: [{ provider: 'github', groups: [] }] })}\n`,
    ]) {
      expect(await send(text)).toMatchObject({ found: 1, created: 0, unchanged: 1, asideTotal: 0 })
    }
    expect(await house.secrets('anna')).toEqual([['github', { token: secret }]])
  })

  it('joins what a file had brought under a label of its own, and keeps that', async () => {
    const secret = token('ghp_', 3)
    await importReport({ stream: Readable.from([]), name: 'x' }, house.words(), house.deps, { dryRun: false })
    const given = {
      identity: 'anna',
      system: 'github',
      label: 'laptop',
      kind: 'pat',
      principal: 'anna-gh',
      secret: { token: secret },
    }
    const { importCredentials } = await import('../../src/intake/credentials.ts')
    const bindings = new Map([...house.deps.systems].map(([name, { binding }]) => [name, binding]))
    const stream = Readable.from([JSON.stringify(given)])
    await importCredentials({ stream, name: 'held', format: 'jsonl' }, { ...house.deps, bindings }, { dryRun: false })
    expect(await lines([hog('Github', secret)])).toMatchObject({ created: 0, unchanged: 1 })
    expect(await house.held('anna')).toMatchObject([{ label: 'laptop', kind: 'pat', principal: 'anna-gh' }])
    for (const { id } of await house.held('anna')) await retireCredential(id, house.deps)
    expect(await lines([hog('Github', secret)])).toMatchObject({ created: 0, skipped: 1 })
  })

  it('of two holders it is shared, and each has it', async () => {
    const secret = token('ghp_', 4)
    const bob = { ...hog('Github', secret), SourceMetadata: { Data: { Git: { file: 'b', email: 'bob@example.com' } } } }
    expect(await lines([hog('Github', secret), bob])).toMatchObject({ created: 2, dueNow: 1 })
    expect(await house.held('anna')).toMatchObject([{ shared: true }])
    expect(await house.held('bob')).toMatchObject([{ shared: true, due_at: null }])
  })

  const at = (email: string | undefined, file = 'a') => ({ SourceMetadata: { Data: { Filesystem: { file, line: 2, email } } } })
  it.each([
    ['a redacted secret', leak('github-pat', 'REDACTED'), 'altered'],
    ['half a secret (gitleaks --redact=50)', leak('github-pat', `ghp_${MARK}...`), 'altered'],
    ["Kingfisher's redaction", fish('kingfisher.github.2', '[REDACTED:1a2b3c]'), 'altered'],
    ['no secret at all', hog('Github', ''), 'altered'],
    ['bytes that a scanner could not spell', hog('Github', `ghp_${MARK}\uFFFD`), 'altered'],
    ['half a character', hog('Github', `ghp_${MARK}\ud800`), 'altered'],
    ['a detector without a probe', hog('Stripe', `sk_${MARK}`), 'no_probe'],
    ['a secret of nobody', hog('Github', GITHUB, at(undefined)), 'identity_missing'],
    ['of somebody unknown', hog('Github', GITHUB, at('nobody@example.com')), 'identity_unknown'],
    ['of two with one address', hog('Github', GITHUB, at('TWIN@example.com')), 'identity_ambiguous'],
    ['of a name that is no address', hog('Github', GITHUB, at('anna')), 'identity_missing'],
    [
      'of a host that is not configured',
      hog('Gitlab', token('glpat-'), { SecretParts: { host: 'https://gitlab.com' } }),
      'no_system',
    ],
    ['without a place, where the service is your own', leak('gitlab-pat', token('glpat-')), 'place_unknown'],
    [
      'of a host that cannot be read, though the public service is there',
      hog('Github', GITHUB, { SecretParts: { key: GITHUB, host: 'a b' } }),
      'unclear',
    ],
    [
      'of a host beside the token',
      hog('Github', GITHUB, { SecretParts: { key: GITHUB, host: 'https://ghe.example.com' } }),
      'no_system',
    ],
    [
      'of a server that the scanner noted',
      hog('Github', GITHUB, { ExtraData: { url: 'https://ghe.example.com/anna' } }),
      'no_system',
    ],
    ['of a host behind the token', hog('Github', GITHUB, { RawV2: `${GITHUB}https://ghe.example.com` }), 'no_system'],
    ['of something else behind it', hog('Github', GITHUB, { RawV2: `${GITHUB}:a b` }), 'unclear'],
    [
      'of two hosts',
      hog('Github', GITHUB, { SecretParts: { key: GITHUB, host: 'https://api.github.com', url: 'https://ghe.example.com' } }),
      'unclear',
    ],
    [
      'of a registry that cannot be read',
      hog('Docker', 'x', { SecretParts: { registry: 'a b', auth: Buffer.from(`a:${MARK}`).toString('base64') } }),
      'unclear',
    ],
    ['another port of the same host', hog('Postgres', `postgres://anna:${MARK}@db.example.com:6543`), 'no_system'],
    ['the name of a store', leak('generic-api-key', 'op://Private/x/token'), 'elsewhere'],
    ['a variable', hog('URI', `https://\${USER}:\${PASS}@intranet.example.com`), 'elsewhere'],
    ['a ciphertext', leak('gitlab-pat', `ENC[AES256_GCM,data:${MARK}]`), 'unclear'],
    ['an address with a slash in its password', hog('URI', `https://anna:pa/${MARK}@intranet.example.com`), 'unclear'],
    ['a refresh token', leak('github-refresh-token', token('ghr_')), 'not_replayable'],
    ["a runner's token", hog('Gitlab', token('glrt-'), { SecretParts: { host: 'https://git.example.com' } }), 'not_replayable'],
    ['a client secret', hog('GitHubOauth2', MARK), 'not_replayable'],
    ['an API token without its owner', leak('atlassian-api-token', token('ATATT3xFf')), 'place_unknown'],
    ['an application key alone', leak('datadog-access-token', MARK), 'not_replayable'],
    ['a token of another service under this name', hog('Slack', token('ghp_')), 'not_replayable'],
    ['an address without a password', hog('URI', `https://${MARK}@intranet.example.com`), 'unreadable'],
    ['a percent sign that spells nothing', hog('URI', `https://anna:${MARK}%zz@intranet.example.com`), 'unclear'],
    [
      'a password whose end is not clear',
      fish('kingfisher.postgres.1', `postgres://anna:p@${MARK}/x@db.example.com:5432`),
      'unclear',
    ],
    ['an address whose password has no clear end', hog('URI', `https://anna:p@${MARK}/x@intranet.example.com`), 'unclear'],
    ['a private key of no account', leak('private-key', newSshKey().private), 'place_unknown'],
    [
      'a private key behind a passphrase',
      leak('private-key', newSshKey('ed25519', { passphrase: MARK, cipher: 'aes256-ctr', rounds: 2 }).private),
      'needs_passphrase',
    ],
    ['a private key that is cut', leak('private-key', newSshKey().private.slice(0, 200)), 'unreadable'],
    ['a finding without its rule', { RuleID: '', Secret: MARK }, 'unreadable'],
    ['a finding of another form', { DetectorName: [MARK], Raw: MARK }, 'unreadable'],
    ['parts that are no texts', hog('Github', GITHUB, { SecretParts: { [MARK]: 1 } }), 'unreadable'],
    ['a line of a log', { level: 'info', msg: MARK }, 'unreadable'],
  ])('sets aside %s', async (_what, row, reason) => {
    const report = await lines([row, hog('Stripe', 'x')], {}, true)
    expect(report).toMatchObject({ found: 2, created: 0, asideTotal: 2 })
    expect(report.aside[0]).toMatchObject({ entry: 1, reason })
  })

  it('does as the operator says: detector to system, folder and rest to identities, account of keys', async () => {
    const pem = newSshKey().private
    const rows = [
      leak('private-key', pem),
      hog('Acme', MARK, at(undefined, '/home/bob/x')),
      hog('Github', token('ghp_', 5), at('nobody@example.com', '/srv/x')),
      leak('gitlab-pat', token('glpat-', 5)),
    ]
    const words = {
      mappings: [
        { detector: 'PRIVATE-KEY', system: 'bastion' },
        { detector: 'Acme', system: 'cluster' },
        { detector: 'gitlab', system: 'gitlab' },
        { detector: 'Nothing', system: 'vault' },
      ],
      folders: [
        { folder: '/home', identity: 'twin-1' },
        { folder: '/home/bob/', identity: 'bob' },
      ],
      identity: 'twin-2',
      account: 'annie',
    }
    expect(await lines(rows, words)).toMatchObject({ created: 4, asideTotal: 0, unusedMaps: ['Nothing'] })
    expect(await house.secrets('anna')).toEqual([
      ['bastion', { username: 'annie', privateKey: pem }],
      ['gitlab', { token: token('glpat-', 5) }],
    ])
    expect(await house.secrets('bob')).toEqual([['cluster', { token: MARK }]])
    expect(await house.secrets('twin-2')).toEqual([['github', { token: token('ghp_', 5) }]])
  })

  it('takes what a scanner notes of the public service for that', async () => {
    const noted = { rotation_guide: 'https://example.com', version: '2', url: 'https://github.com/anna', username: 'anna', id: 1 }
    expect(await lines([hog('Github', token('ghp_', 8), { ExtraData: noted })], {}, true)).toMatchObject({
      created: 1,
      asideTotal: 0,
    })
  })

  it('sends nothing to another origin, whatever is mapped', async () => {
    const row = hog('Gitlab', token('glpat-'), { SecretParts: { host: 'https://gitlab.com' } })
    const report = await lines([row], { mappings: [{ detector: 'Gitlab', system: 'gitlab' }] })
    expect(report.aside).toMatchObject([{ reason: 'origin_differs', host: 'gitlab.com' }])
    expect(await house.held('anna')).toEqual([])
  })

  it.each([
    ['a system that is not there', { mappings: [{ detector: 'Github', system: 'gihub' }] }, 'INPUT_INVALID'],
    ['an identity that is not there', { identity: 'nobody' }, 'NOT_FOUND'],
    ['a folder of nobody', { folders: [{ folder: '/', identity: 'nobody' }] }, 'NOT_FOUND'],
  ])('refuses %s before anything is written', async (_what, words, code) => {
    await expect(lines([hog('Github', GITHUB)], words)).rejects.toMatchObject({ code })
    expect(await house.held('anna')).toEqual([])
  })

  it.each([
    ['an array that is cut off', JSON.stringify([leak('github-pat', GITHUB)], null, 1).slice(0, -5)],
    ['no JSON', `${MARK}\n${MARK}`],
    ['SARIF', JSON.stringify({ version: '2.1.0', runs: [] }, null, 2)],
    ['an object that is cut off', JSON.stringify({ findings: [fish('kingfisher.github.2', GITHUB)] }, null, 2).slice(0, -5)],
    ['numbers', '[1,2]'],
  ])('refuses %s as a whole', async (_what, text) => {
    await expect(send(text)).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.not.stringContaining(MARK) })
  })

  it('imports the good lines around a bad one, and tells the bad one', async () => {
    const good = JSON.stringify(hog('Github', token('ghp_', 6)))
    expect(await send(`${good}\n${good.slice(0, -3)}\n\n${good}`)).toMatchObject({
      found: 3,
      created: 1,
      joined: 1,
      aside: [{ entry: 2, reason: 'unreadable' }],
    })
  })

  it('takes an empty report for one without findings', async () => {
    for (const text of ['', '[]', '\n']) expect(await send(text)).toMatchObject({ found: 0, asideTotal: 0 })
  })

  it(`malformed ones end in no crash, tell everything that was not imported, and quote nothing (${RUNS} findings)`, {
    timeout: FUZZ_MS,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(LINE, { minLength: LINES, maxLength: LINES }), async (lines) => {
        const text = lines.join('\n')
        try {
          const stream = Readable.from([Buffer.from(text)])
          const report = await importReport({ stream, name: 'x' }, house.words(), house.deps, { dryRun: true })
          const { created, updated, unchanged, skipped, joined, asideTotal, found } = report
          expect(created + updated + unchanged + skipped + joined + asideTotal).toBe(found)
          const told = lines.filter((each) => each.trim() !== '' && !each.includes('"access_map"')).length
          expect(found).toBeGreaterThanOrEqual(told)
          expect(JSON.stringify(report)).not.toContain(SECRET)
        } catch (error) {
          expect(error).toMatchObject({ code: 'INPUT_INVALID', message: expect.not.stringContaining(SECRET) })
        }
      }),
      { numRuns: Math.ceil(RUNS / LINES) },
    )
  })
})
