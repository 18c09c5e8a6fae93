import { expect } from 'vitest'
import { newSshKey } from '../../src/lab/ssh-key.ts'
import type { House } from '../servers/revenant.ts'
import type { Downstream } from './downstream.ts'
import type { Marks } from './marks.ts'
import type { Note } from './receivers.ts'

/**
 * A scanner's report and a leaver's machine: secrets that find their system, secrets that do not, and files that are malformed.
 * What is printed depends on no database: `everyForm` of it is looked at once.
 */
export async function foundThings(
  house: House,
  marks: Marks,
  downstream: Downstream,
  note: Note,
  everyForm: boolean,
): Promise<void> {
  const mark = (what: string) => marks.plant(`found: ${what}`)
  const host = new URL(downstream.http).host
  reports(house, mark, marks, host)
  workstation(house, mark, marks, host, downstream)
  const maps = ['--map', 'Acme=bearer', '--map', 'github=github', '--map', 'env:ACME_TOKEN=bearer', '--map', 'ssh-key=ssh-key']
  const lines = [
    ...['hog.jsonl', 'leaks.json', 'fish.json'].map((file) => ['report', file, ...maps]),
    ['workstation', 'machine', ...maps, '--account', 'anna'],
  ]
  for (const line of lines) {
    for (const more of everyForm ? [['--dry-run'], ['--json'], []] : [[]]) {
      const words = ['import', ...line, '--identity', 'leaver-0', ...more]
      const ran = await house.run(words)
      note(`revenant ${words.join(' ')}`, `${ran.stdout}${ran.stderr}`)
      expect([words.join(' '), ran.exit, /(?:^| )0 credential/.test(ran.stdout)]).toEqual([words.join(' '), 2, false])
    }
  }
  for (const [name, text] of [
    ['cut.json', `[{"RuleID":"x","Secret":"${mark('cut off')}`],
    ['none.json', `${mark('no JSON')}\n`],
    ['other.json', JSON.stringify({ [mark('a key')]: mark('a value') })],
  ] as const) {
    house.write(name, text)
    const ran = await house.run(['import', 'report', name])
    note(`revenant import report ${name}`, `${ran.stdout}${ran.stderr}`)
    expect([name, ran.exit]).toEqual([name, 2])
  }
}

function reports(house: House, mark: (what: string) => string, marks: Marks, host: string): void {
  const bare = (prefix: string) => `${prefix}${marks.plantBare('found: a token')}`
  const hog = (DetectorName: unknown, Raw: unknown, more: object = {}) =>
    JSON.stringify({
      DetectorName,
      Raw,
      SourceMetadata: { Data: { Git: { file: 'a.py', email: 'x@example.com', line: 1 } } },
      ...more,
    })
  const hogs = [
    hog('Acme', mark('a token')),
    hog('Github', bare('ghp_')),
    hog('Github', bare('ghr_')),
    hog('URI', `http://anna:${mark('a password in an address')}@${host}/x`),
    hog('URI', `http://anna:x@${mark('behind an at sign')}/y@${host}`),
    hog('Postgres', `postgres://anna:p@${mark('behind another')}/x@${host}`),
    hog('Unknown', mark('of an unknown detector')),
    hog([mark('a detector that is a list')], 'x'),
    hog('Github', { [mark('a key')]: mark('a value') }),
    hog('Gitlab', mark('a misfit'), { SecretParts: { host: `http://${host}`, key: mark('another misfit') } }),
    hog('Github', 'x', { SecretParts: { [mark('a part')]: 1 } }),
    `{"DetectorName":"Acme","Raw":"${mark('a line that is cut')}`,
    mark('a line of its own'),
  ]
  house.write('hog.jsonl', `${hogs.join('\n')}\n`)
  const leak = (RuleID: string, Secret: string) => ({
    RuleID,
    Secret,
    Match: `x=${Secret}`,
    File: `${Secret}.txt`,
    StartLine: 1,
    Email: '',
  })
  const leaks = [
    leak('acme', mark('gitleaks')),
    leak('github-pat', `${mark('half')}...`),
    leak('private-key', `-----BEGIN RSA PRIVATE KEY-----\n${mark('a key')}`),
  ]
  house.write('leaks.json', JSON.stringify(leaks, null, 1))
  const fish = (id: string, snippet: string) => ({
    rule: { id, name: 'x' },
    finding: { snippet, path: 'x', line: 1, validation: { status: 'Active Credential', response: mark('an answer') } },
  })
  house.write(
    'fish.json',
    JSON.stringify({ findings: [fish('acme', mark('kingfisher')), fish('kingfisher.postgres.1', mark('no address'))] }),
  )
}

function workstation(
  house: House,
  mark: (what: string) => string,
  marks: Marks,
  host: string,
  { postgresPort }: Downstream,
): void {
  const files: Record<string, string> = {
    '.netrc': `machine elsewhere.example.com login a password ${mark('netrc')}\n${mark('netrc, no word')} x\n`,
    '.npmrc': `//${host}/:_authToken=${mark('npmrc')}\n//${host}/:_auth=${mark('npmrc, no Base64')}\n`,
    '.pypirc': `[pypi]\nusername = __token__\npassword = ${mark('pypirc')}#x\n`,
    '.git-credentials': `http://anna:${mark('git')}@${host}\n${mark('git, no address')}\n`,
    '.docker/config.json': JSON.stringify({ auths: { [`http://${host}`]: { username: 'anna', password: mark('docker') } } }),
    '.aws/credentials': `[x]\naws_access_key_id = AKIAMADEUP\naws_secret_access_key = ${mark('aws')}\n`,
    '.kube/config': `users:\n- name: a\n  user: {token: ${mark('kube')}}\n- name: b\n  user: {token: !x ${mark('kube, with a tag')}}\n`,
    'gcloud/application_default_credentials.json': JSON.stringify({ type: 'authorized_user', refresh_token: mark('gcloud') }),
    '.env': `ACME_TOKEN=${mark('env')}\nOTHER_SECRET=${mark('env, unknown')}\nDATABASE_URL=postgres://a:b@${mark('env, unclear')}/@x\nVAULT_TOKEN=\${X:-${mark('env, by default')}}\n`,
    '.pgpass': `127.0.0.1:${postgresPort}:*:anna:${mark('pgpass')}\n${mark('pgpass, cut')}:1\n`,
    '.my.cnf': `[client]\npassword=${mark('mysql')}\n`,
    '.terraformrc': `credentials "app.terraform.io" {\n token = "${mark('terraform')}"\n`,
    'gh/hosts.yml': `github.com:\n  oauth_token: ghp_${marks.plantBare('found: gh')}\n`,
    'bad/gh/hosts.yml': `github.com: [${mark('no hosts')}\n`,
    'bad/.docker/config.json': `{"auths":{"${mark('no JSON')}`,
    '.ssh/id_ed25519': newSshKey().private,
    '.ssh/locked': newSshKey('ed25519', { passphrase: mark('a passphrase'), cipher: 'aes256-ctr', rounds: 2 }).private,
    '.ssh/broken': `-----BEGIN OPENSSH PRIVATE KEY-----\n${mark('a broken key')}\n-----END OPENSSH PRIVATE KEY-----\n`,
  }
  for (const [path, text] of Object.entries(files)) house.write(`machine/${path}`, text)
  const lines = (files['.ssh/id_ed25519'] ?? '').trim().split('\n').slice(1, -1)
  const bytes = Buffer.from(lines.join(''), 'base64')
  // The private half is 64 bytes: the seed, and the public key once more (OpenSSH, PROTOCOL.key).
  const seed = bytes.indexOf(Buffer.from([0, 0, 0, 64])) + 4
  marks.plantBytes('found: a key', bytes.subarray(seed, seed + 32))
}
