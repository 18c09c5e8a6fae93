import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAside } from '../../src/intake/found/candidate.ts'
import { findingsOf } from '../../src/intake/scanner/import-report.ts'
import { readReportFile } from '../../src/intake/scanner/report-file.ts'
import { foundInText } from '../../src/intake/workstation/import-workstation.ts'
import { storeAt } from '../../src/intake/workstation/stores.ts'
import { BROKEN, EDITS, edited, FUZZ_MS, REPORTS, RUNS, SECRET } from './fuzz.ts'

describe('malformed reports', () => {
  it(`of one document are read whole or refused (${RUNS} documents)`, { timeout: FUZZ_MS }, async () => {
    const document = fc.tuple(
      fc.array(fc.constantFrom(...REPORTS), { maxLength: 3 }),
      fc.boolean(),
      fc.option(BROKEN),
      fc.option(EDITS),
    )
    await fc.assert(
      fc.asyncProperty(document, async ([findings, isEnvelope, breaks, edits]) => {
        const text = JSON.stringify(isEnvelope ? { findings, access_map: [] } : findings, breaks ?? undefined, 1) ?? ''
        const stream = Readable.from([Buffer.from(edits === null ? text : edited(text, edits))])
        try {
          const found = findingsOf(await readReportFile({ stream, name: 'x' }))
          expect(JSON.stringify(found)).not.toContain(SECRET)
          for (const each of found) if (!isAside(each)) expect(each.detector).not.toBe('')
        } catch (error) {
          expect(error).toMatchObject({ code: 'INPUT_INVALID', message: expect.not.stringContaining(SECRET) })
        }
      }),
      { numRuns: RUNS },
    )
  })
})

const STORES: readonly [string, string][] = [
  [
    'x/.netrc',
    `machine intranet.example.com login anna password "${SECRET}"\nmacdef x\n a\n\ndefault login a password ${SECRET}\n`,
  ],
  ['x/.npmrc', `//npm.example.com/:_authToken=${SECRET}\n//npm.example.com/:username=anna\n//npm.example.com/:_password=eA==\n`],
  [
    'x/.pypirc',
    `[pypi]\nusername = __token__\npassword = ${SECRET}\n[corp]\nrepository = https://intranet.example.com\npassword = ${SECRET}\n`,
  ],
  ['x/.git-credentials', `https://anna:${SECRET}@git.example.com\n`],
  [
    'x/.docker/config.json',
    JSON.stringify({ auths: { 'registry.example.com:5000': { username: 'anna', password: SECRET } }, credsStore: 'x' }),
  ],
  ['x/.aws/credentials', `[default]\naws_access_key_id = AKIAMADEUP\naws_secret_access_key = ${SECRET}\n`],
  [
    'x/.kube/config',
    `clusters:\n- name: p\n  cluster: {server: 'https://kube.example.com:6443'}\ncontexts:\n- context: {cluster: p, user: a}\nusers:\n- name: a\n  user:\n    token: ${SECRET}\n- name: b\n  user: {username: b, password: ${SECRET}}\n`,
  ],
  ['x/gcloud/application_default_credentials.json', JSON.stringify({ type: 'authorized_user', refresh_token: SECRET })],
  [
    'x/.env',
    `export GITHUB_TOKEN=${SECRET}\nDATABASE_URL="postgres://anna:${SECRET}@db.example.com:5432/x"\nA='b\nc'\nMY_SECRET=${SECRET}\n`,
  ],
  ['x/.pgpass', `db.example.com:5432:*:anna:${SECRET}\n`],
  ['x/.my.cnf', `[client]\nuser=anna\npassword=${SECRET}\nhost=db.example.com\n`],
  ['x/.terraform.d/credentials.tfrc.json', JSON.stringify({ credentials: { 'app.terraform.io': { token: SECRET } } })],
  ['x/.terraformrc', `credentials "app.terraform.io" {\n  token = "${SECRET}"\n}\n`],
  [
    'x/gh/hosts.yml',
    `github.com:\n    users:\n        anna:\n            oauth_token: ${SECRET}\n    user: anna\n    oauth_token: ${SECRET}\n`,
  ],
  ['x/glab-cli/config.yml', `hosts:\n    git.example.com:\n        token: ${SECRET}\n        user: anna\n`],
  ['x/.ssh/id_x', `-----BEGIN OPENSSH PRIVATE KEY-----\n${SECRET}\n-----END OPENSSH PRIVATE KEY-----\n`],
]

describe('malformed stores', () => {
  it(`end in no crash, and quote nothing (${RUNS} files)`, { timeout: FUZZ_MS }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...STORES), EDITS, async ([path, text], edits) => {
        const store = storeAt(path)
        if (store === undefined) throw new Error(`no store reads ${path}`)
        expect(JSON.stringify(await foundInText(store, path, edited(text, edits)))).not.toContain(SECRET)
      }),
      { numRuns: RUNS },
    )
  })

  it(`of any text at all (${RUNS} files)`, { timeout: FUZZ_MS }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...STORES), fc.string({ unit: 'binary', maxLength: 200 }), async ([path], text) => {
        const store = storeAt(path)
        expect(Array.isArray(store === undefined ? undefined : await foundInText(store, path, text))).toBe(true)
      }),
      { numRuns: RUNS },
    )
  })
})
