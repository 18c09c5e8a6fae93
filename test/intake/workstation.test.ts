import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { FoundWords } from '../../src/intake/found/import-found.ts'
import { retireCredential } from '../../src/intake/retire.ts'
import { importWorkstation } from '../../src/intake/workstation/import-workstation.ts'
import { MAX_STORE_BYTES } from '../../src/intake/workstation/read-store.ts'
import { newSshKey } from '../../src/lab/ssh-key.ts'
import { type FoundHouse, openFoundHouse } from './found-house.ts'

/** Whatever quotes a secret is found by this. */
const MARK = 'Made0Up0For0Tests'
const token = (prefix: string, n = 0) => `${prefix}${MARK}${String(n).padStart(20, '0')}`
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('a workstation', () => {
  let house: FoundHouse
  let folder: string
  beforeAll(async () => {
    house = await openFoundHouse()
  })
  afterAll(() => house?.close())
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'revenant-workstation-'))
  })
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true })
    for (const { id } of await house.held('anna')) await retireCredential(id, house.deps)
  })

  const write = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  const send = async (words: Partial<FoundWords> = {}, dryRun = false) => {
    const report = await importWorkstation(folder, { ...house.words(words), identity: 'anna' }, house.deps, { dryRun })
    expect(JSON.stringify(report)).not.toContain(MARK)
    const { created, updated, unchanged, skipped, joined, asideTotal } = report
    expect(created + updated + unchanged + skipped + joined + asideTotal).toBe(report.found)
    return report
  }

  const pem = newSshKey().private
  it.each<[string, string, string, [string, Record<string, string>][]]>([
    [
      '.netrc',
      '.netrc',
      `# mine\nmachine api.github.com login anna password ${token('ghp_')}\nmachine intranet.example.com\n  login anna password "${MARK} x"\nmacdef init\n cd /password\n\n`,
      [
        ['github', { token: token('ghp_') }],
        ['intranet', { username: 'anna', password: `${MARK} x` }],
      ],
    ],
    [
      '.npmrc',
      'app/.npmrc',
      `registry=https://npm.example.com/\n//npm.example.com/:_authToken=${MARK}\n`,
      [['npm', { token: MARK }]],
    ],
    [
      '.pypirc',
      '.pypirc',
      `[distutils]\nindex-servers = corp\n[corp]\nrepository = https://intranet.example.com/pypi\nusername = anna\npassword = ${MARK}%x\n`,
      [['intranet', { username: 'anna', password: `${MARK}%x` }]],
    ],
    [
      '.git-credentials',
      '.git-credentials',
      `https://anna:${token('glpat-')}@git.example.com\n`,
      [['gitlab', { token: token('glpat-') }]],
    ],
    [
      'Docker',
      '.docker/config.json',
      JSON.stringify({
        auths: {
          'registry.example.com:5000': { auth: base64(`anna:${MARK}:x`) },
          'https://index.docker.io/v1/': { username: 'anna', password: MARK },
        },
      }),
      [
        ['hub', { username: 'anna', password: MARK }],
        ['registry', { username: 'anna', password: `${MARK}:x` }],
      ],
    ],
    [
      'kubeconfig',
      '.kube/config',
      `apiVersion: v1\nkind: Config\nclusters:\n- name: prod\n  cluster: {server: 'https://kube.example.com:6443'}\ncontexts:\n- name: p\n  context: {cluster: prod, user: anna}\nusers:\n- name: anna\n  user:\n    token: ${MARK}\n`,
      [['cluster', { token: MARK }]],
    ],
    [
      '.env',
      'work/app/.env.production',
      `A=1\nexport VAULT_TOKEN="${token('hvs.')}"\nVAULT_ADDR=https://vault.example.com:8200\nDATABASE_URL='postgres://anna:${MARK}%40@db.example.com/payroll'\nDD_API_KEY=${MARK}\nDD_APP_KEY=${MARK}app\nDD_SITE=datadoghq.eu\n`,
      [
        ['datadog', { apiKey: MARK, applicationKey: `${MARK}app` }],
        ['payroll', { username: 'anna', password: `${MARK}@` }],
        ['vault', { token: token('hvs.') }],
      ],
    ],
    [
      '.pgpass',
      '.pgpass',
      `# mine\ndb.example.com:5432:*:anna:${MARK}\\:\\\\x\n`,
      [['payroll', { username: 'anna', password: `${MARK}:\\x` }]],
    ],
    [
      'Terraform',
      '.terraform.d/credentials.tfrc.json',
      JSON.stringify({ credentials: { 'app.terraform.io': { token: MARK } } }),
      [['terraform', { token: MARK }]],
    ],
    [
      '.terraformrc',
      '.terraformrc',
      `plugin_cache_dir = "x"\ncredentials "app.terraform.io" {\n  token = "${MARK}rc" # mine\n}\n`,
      [['terraform', { token: `${MARK}rc` }]],
    ],
    [
      'GitHub CLI',
      '.config/gh/hosts.yml',
      `github.com:\n    git_protocol: https\n    users:\n        anna-gh:\n            oauth_token: ${token('gho_')}\n    user: anna-gh\n    oauth_token: ${token('gho_')}\n`,
      [['github', { token: token('gho_') }]],
    ],
    [
      'GitLab CLI',
      '.config/glab-cli/config.yml',
      `hosts:\n    git.example.com:\n        token: !!str ${token('glpat-', 7)}\n        api_host: git.example.com\n        user: anna\n    gitlab.com:\n        token:\n`,
      [['gitlab', { token: token('glpat-', 7) }]],
    ],
    ['SSH', '.ssh/id_work', pem, [['bastion', { username: 'anna', privateKey: pem }]]],
  ])('imports %s', async (_what, path, content, expected) => {
    if (path.startsWith('.ssh')) {
      write(
        '.ssh/config',
        'Host other\n  Include other\nHost work\n  HostName bastion.example.com\n  IdentityFile ~/.ssh/id_work\nHost *\n  User anna\nMatch exec "touch ran"\n  User eve\n',
      )
      write('.ssh/known_hosts', 'bastion.example.com ssh-ed25519 AAAA\n')
      write('.ssh/id_work.pub', 'ssh-ed25519 AAAA anna')
    }
    write(path, content)
    expect(await send({}, true)).toMatchObject({ created: expected.length, files: 1, aside: [] })
    expect(await house.held('anna')).toEqual([])
    expect(await send()).toMatchObject({ created: expected.length, dueNow: expected.length })
    expect(await house.secrets('anna')).toEqual(expected)
    expect(await send()).toMatchObject({ created: 0, unchanged: expected.length })
  })

  const locked = newSshKey('ed25519', { passphrase: MARK, cipher: 'aes256-ctr', rounds: 2 }).private
  const service = JSON.stringify({ type: 'service_account', private_key: MARK, client_email: 'x@y.iam.gserviceaccount.com' })
  it.each<[string, string, string | Buffer, string[]]>([
    [
      'an AWS key',
      '.aws/credentials',
      `[default]\naws_access_key_id = AKIAMADEUP\naws_secret_access_key = ${MARK}\n[sso]\ncredential_process = /bin/x\n`,
      ['no_probe', 'elsewhere'],
    ],
    ['a password of MySQL', '.my.cnf', `[client]\nuser=anna\npassword=${MARK}\nhost=db.example.com\n`, ['no_probe']],
    ['a password in quotes that MySQL reads otherwise', '.my.cnf', `[client]\nuser=anna\npassword="${MARK}\\n"\n`, ['unclear']],
    ['a password with a number sign', '.pypirc', `[pypi]\nusername = anna\npassword = ${MARK}#x\n`, ['unclear']],
    ['a key of a service account', '.config/gcloud/application_default_credentials.json', service, ['no_probe']],
    ["the SDK's database", '.config/gcloud/credentials.db', Buffer.from([0x53, 0xff, 0, 1]), ['no_probe']],
    [
      'a helper of Docker',
      '.docker/config.json',
      JSON.stringify({ credsStore: 'desktop', auths: { 'ghcr.io': {} }, credHelpers: { 'gcr.io': 'gcloud' } }),
      ['elsewhere', 'elsewhere'],
    ],
    [
      'an identity token',
      '.docker/config.json',
      JSON.stringify({ auths: { 'x.azurecr.io': { auth: base64('a:'), identitytoken: MARK } } }),
      ['not_replayable'],
    ],
    [
      "the GitHub CLI's key store",
      '.config/gh/hosts.yml',
      'github.com:\n    user: anna\n    users:\n        anna:\n',
      ['elsewhere'],
    ],
    [
      'a program of a kubeconfig',
      '.kube/config',
      'users:\n- name: a\n  user:\n    exec: {command: aws}\n- name: b\n  user:\n    client-key-data: x\n',
      ['elsewhere', 'no_probe'],
    ],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as npm spells a variable
    ['a variable', '.npmrc', '//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n', ['elsewhere']],
    ['a password of any user', '.pgpass', `db.example.com:*:*:*:${MARK}\n`, ['not_replayable']],
    ['a password of any host', '.pgpass', `*:*:*:anna:${MARK}\n`, ['place_unknown']],
    ['a line that is none', '.pgpass', `db.example.com:${MARK}\n`, ['unreadable']],
    ['two systems at one host', '.npmrc', `//twins.example.com/a/:_authToken=${MARK}\n`, ['system_ambiguous']],
    ['a host that is not configured', '.netrc', `machine elsewhere.example.com login a password ${MARK}\n`, ['no_system']],
    ['a default entry', '.netrc', `default login a password ${MARK}\n`, ['place_unknown']],
    ['a word that is none', '.netrc', `machine a.example.com login a passwd ${MARK}\n`, ['no_secret', 'unreadable']],
    ['a password where a token belongs', '.git-credentials', `https://anna:${MARK}@git.example.com\n`, ['not_replayable']],
    ['a variable of a name that is not known', '.env', `ACME_TOKEN=${MARK}\nX=1\n`, ['no_probe']],
    ['a comment, or part of the value', '.env', `ACME_TOKEN=${MARK}#x\n`, ['unclear']],
    [
      'a name that stands there twice',
      '.env',
      `GITHUB_TOKEN=${token('ghr_')}\nGITHUB_TOKEN=${token('ghr_', 1)}\n`,
      ['not_replayable', 'not_replayable'],
    ],
    ['an escape', '.terraformrc', `credentials "app.terraform.io" {\n token = "\\u0041${MARK}"\n}\n`, ['unclear']],
    ['a block that is not closed', '.terraformrc', `credentials "app.terraform.io" {\n token = "${MARK}"\n`, ['unreadable']],
    ['a key behind a passphrase', '.ssh/id_ed25519', locked, ['needs_passphrase']],
    [
      'a key behind a passphrase, in PEM',
      '.ssh/id_rsa',
      `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n${MARK}\n-----END RSA PRIVATE KEY-----\n`,
      ['needs_passphrase'],
    ],
    ['a key of no host', '.ssh/id_ed25519', newSshKey().private, ['place_unknown']],
    [
      'a key that is none',
      '.ssh/id_ed25519',
      `-----BEGIN OPENSSH PRIVATE KEY-----\n${MARK}\n-----END OPENSSH PRIVATE KEY-----`,
      ['unreadable'],
    ],
    ['bytes that are no text', '.netrc', Buffer.from([0xff, 0xfe, 0, 0]), ['unreadable']],
    ['no JSON', '.docker/config.json', `{"auths": {"${MARK}`, ['unreadable']],
    ['a file that is too large', '.netrc', Buffer.alloc(MAX_STORE_BYTES + 1, 'x'), ['too_large']],
  ])('sets aside %s', async (_what, path, content, reasons) => {
    write(path, content)
    const report = await send({}, true)
    expect(report.aside.map(({ reason }) => reason)).toEqual(reasons)
    expect(report.aside.every(({ file }) => file === path)).toBe(true)
    expect(report).toMatchObject({ created: 0 })
  })

  it('follows no link, reads no pipe, and leaves the code of others alone', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'revenant-outside-'))
    try {
      for (const path of ['credentials', '.netrc'])
        writeFileSync(join(outside, path), `machine intranet.example.com login a password ${MARK}\n`)
      symlinkSync(outside, join(folder, '.aws'))
      symlinkSync(join(outside, '.netrc'), join(folder, '.netrc'))
      symlinkSync(outside, join(folder, 'pictures'))
      execFileSync('mkfifo', [join(folder, '.pgpass')])
      mkdirSync(join(folder, '.npmrc'))
      write('app/node_modules/x/.npmrc', `//npm.example.com/:_authToken=${MARK}\n`)
      write('app/.env.example', `GITHUB_TOKEN=${token('ghp_')}\n`)
      const report = await send()
      expect(report.aside.map(({ file, reason }) => [file, reason])).toEqual([
        ['.aws', 'not_followed'],
        ['.netrc', 'not_followed'],
        ['.pgpass', 'not_regular'],
      ])
      expect(report).toMatchObject({ found: 3, files: 0 })
    } finally {
      rmSync(outside, { recursive: true, force: true })
    }
  })

  it('does as the operator says, joins what lies in two stores, and takes a folder of stores for one', async () => {
    const key = newSshKey().private
    write('.ssh/id_ed25519', key)
    write('.ssh/copy', key)
    write('.env', `ACME_TOKEN=${MARK}acme\n`)
    write('.npmrc', `//twins.example.com/a/:_authToken=${MARK}\n`)
    const mappings = [
      { detector: 'ssh-key', system: 'bastion' },
      { detector: 'env:ACME_TOKEN', system: 'cluster' },
      { detector: 'npmrc', system: 'twin-a' },
    ]
    expect(await send({ mappings })).toMatchObject({ created: 2, reasons: { not_replayable: 2 } })
    expect(await send({ mappings, account: 'anna' })).toMatchObject({ created: 1, unchanged: 2, joined: 1, asideTotal: 0 })
    expect((await house.secrets('anna')).map(([system]) => system)).toEqual(['bastion', 'cluster', 'twin-a'])
    const ssh = { ...house.words({ mappings, account: 'anna' }), identity: 'anna' }
    expect(await importWorkstation(join(folder, '.ssh'), ssh, house.deps, { dryRun: true })).toMatchObject({
      unchanged: 1,
      joined: 1,
    })
  })

  // One system alone is no reason why a secret that names no place should be its own.
  it.each<[string, string, string, string, string]>([
    ['a default entry', 'hub', '.netrc', `default login anna password ${MARK}\n`, 'place_unknown'],
    ['a user of no cluster', 'cloudflare', '.kube/config', `users:\n- name: a\n  user: {token: ${MARK}}\n`, 'place_unknown'],
    ['an index without its address', 'hub', '.pypirc', `[x]\nusername = anna\npassword = ${MARK}\n`, 'place_unknown'],
    ['a host that cannot be read', 'github', '.env', `GITHUB_TOKEN=${token('ghp_')}\nGITHUB_HOST=a b\n`, 'unclear'],
    ['an enterprise token', 'github', '.env', `GH_ENTERPRISE_TOKEN=${token('ghp_')}\n`, 'unclear'],
    ['a registry that cannot be read', 'hub', '.env', `DOCKER_PASSWORD=${MARK}\nDOCKER_USER=a\nDOCKER_REGISTRY=a b\n`, 'unclear'],
    [
      'a registry of another name',
      'hub',
      '.env',
      `DOCKER_PASSWORD=${MARK}\nDOCKER_USER=a\nREGISTRY_HOST=r.example.com\n`,
      'unclear',
    ],
    ['a registry of no name', 'hub', '.env', `REGISTRY_PASSWORD=${MARK}\nREGISTRY_USER=a\n`, 'no_system'],
  ])('does not send %s to the only system, %s', async (_what, name, path, content, reason) => {
    write(path, content)
    const systems = new Map([...house.deps.systems].filter(([each]) => each === name))
    expect(systems.size).toBe(1)
    const words = { ...house.words(), identity: 'anna' }
    const report = await importWorkstation(folder, words, { ...house.deps, systems }, { dryRun: true })
    expect(report).toMatchObject({ created: 0, aside: [{ reason }] })
  })

  it.each<[string, string | Buffer]>([
    ['that cannot be read', 'Host\nHost bastion.example.com\n User anna\n'],
    ['that is no text', Buffer.from([0xff, 0xfe])],
  ])('sets keys aside beside a configuration %s, whatever is mapped', async (_what, config) => {
    write('.ssh/config', config)
    write('.ssh/id_ed25519', newSshKey().private)
    const words = { mappings: [{ detector: 'ssh-key', system: 'bastion' }], account: 'anna' }
    expect(await send(words, true)).toMatchObject({ created: 0, reasons: { unclear: 1 } })
  })

  it('wants an identity that is known, and a folder that is there', async () => {
    const words = { ...house.words(), identity: 'nobody' }
    await expect(importWorkstation(folder, words, house.deps, { dryRun: false })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(importWorkstation(join(folder, 'x'), words, house.deps, { dryRun: false })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    })
  })
})
