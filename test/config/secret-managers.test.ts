import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/fault.ts'
import { parseConfig } from '../../src/config/load.ts'
import { isMalformedReference } from '../../src/custody/malformed-reference.ts'
import { parseReference } from '../../src/domain/reference.ts'
import { checks, FULL } from './checks.ts'

async function faultsOf(config: unknown): Promise<string[]> {
  const error = await parseConfig(JSON.stringify(config), 'f.yaml', checks).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error === undefined) return []
  if (!(error instanceof ConfigError)) throw error
  expect(error.message).not.toContain('hunter2')
  return error.faults.map(({ path, message }) => `${path}: ${message}`)
}

const vault = { name: 'main', manager: 'vault', address: 'https://vault.internal', auth: { method: 'token', token: 'env:T' } }
const exec = { name: 'pass', manager: 'exec', program: '/usr/bin/pass' }

describe('references to secret managers', () => {
  it.each([
    ['vault:main/secret/app/db', { scheme: 'vault', manager: 'main', path: 'secret/app/db' }],
    ['vault:main/secret/a%20b?version=3#p%23q', { path: 'secret/a b', version: '3', field: 'p#q' }],
    ['aws-secrets:main/arn:aws:secretsmanager:eu-west-1:1:secret:x-1', { kind: 'aws' }],
    ['aws-ssm:main/app/db', { kind: 'aws', path: 'app/db' }],
    ['1password:main/v/i#password', { kind: '1password', field: 'password' }],
    ['exec:pass', { manager: 'pass', path: '' }],
    ['exec:pass/team/db#password', { path: 'team/db', field: 'password' }],
    ['env:NAME#password', { rest: 'NAME', field: 'password' }],
    ['file:/run/x y#password', { rest: '/run/x y', field: 'password' }],
  ])('%s', (text, parts) => {
    expect(parseReference(text)).toMatchObject(parts)
  })

  it.each([
    'vault:main',
    'vault:main/',
    'vault:Main/x',
    'vault:main/x y',
    'vault:main/../x',
    'vault:main/a/%2e%2e/x',
    'vault:main/x#',
    'vault:main/x?version=',
    'vault:main/x?v=1',
    'vault:main/x#a#b',
    'vault:main/x%0a',
    'vault:main/x%',
    'exec:pass?version=1',
    'gcp:/x',
    'file:/x#',
    'file:relative.json',
    'file:~/secret',
    'env: X',
    'env : X',
    'env:',
    'env:MY-VAR',
    'env:"X"',
    ' env:X',
    'env:X\n',
    'Env:X',
    'VAULT:main/secret/app#x',
    'vault:kv/app secret#x',
    'vault:v1',
    'vault://main/secret/x',
    'aws-secrets:arn:aws:secretsmanager:eu-west-1:1:secret:x-1',
  ])('refuses %j, and knows that it was meant as one', (text) => {
    expect(parseReference(text)).toBeUndefined()
    expect(isMalformedReference(text)).toBe(true)
  })

  it.each([
    'vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9g==',
    'vault:v12:abc/def#x',
    'hunter2',
    'env',
    'environment:X',
    'my env:X',
    'op://vault/item/field',
    'https://u:p@db.example/env:X',
    'env:\n  TOKEN: hunter2\n',
    '-----BEGIN PRIVATE KEY-----\nfile:/x\n',
    // A good one is not a bad one.
    'env:X',
    'vault:main/secret/app#x',
  ])('%j was not', (text) => {
    expect(isMalformedReference(text)).toBe(false)
  })

  it('takes no time over a long text', () => {
    expect(isMalformedReference(`env:${' '.repeat(500_000)}\n${' '.repeat(500_000)}x`)).toBe(false)
  })
})

describe('secretManagers', () => {
  it('are taken as they are, with their defaults', async () => {
    const config = await parseConfig(FULL, 'f.yaml', checks)
    expect(config.keyRing).toBe('/var/lib/revenant/keyring.json')
    expect(config.keyRingWrap).toMatchObject({
      wrap: { by: 'vaultTransit', manager: 'main', key: 'ring', mount: 'transit' },
      previous: [{ by: 'passphrase' }, { by: 'awsKms' }, { by: 'gcpKms' }, { by: 'azureKeyVault' }],
    })
    expect(config.secretManagers[0]).toMatchObject({
      address: 'https://vault.internal:8200',
      auth: { method: 'approle', mount: 'approle' },
      kv: { secret: 2, 'team/kv': 1 },
    })
  })

  const CLEAR = 'must be an https:// URL without user, query or fragment: http:// is for a server on this machine alone'
  const LOCAL = 'must be a reference (env:NAME or file:/absolute/path), never the secret itself'
  it.each<[string, unknown, string[]]>([
    ['in clear beyond this machine', { ...vault, address: 'http://vault.internal' }, [`secretManagers[0].address: ${CLEAR}`]],
    ['with a query', { ...vault, address: 'https://vault.internal/?x' }, [`secretManagers[0].address: ${CLEAR}`]],
    [
      'a token that is written out',
      { ...vault, auth: { method: 'token', token: 'hunter2' } },
      [`secretManagers[0].auth.token: ${LOCAL}`],
    ],
    [
      'a token that a manager holds',
      { ...vault, auth: { method: 'token', token: 'vault:main/secret/x' } },
      [`secretManagers[0].auth.token: ${LOCAL}`],
    ],
    [
      'another version of KV',
      { ...vault, kv: { secret: 3 } },
      ['secretManagers[0].kv.secret: is not one of the values; did you mean "1"?'],
    ],
    ['a program without its path', { ...exec, program: 'pass' }, ['secretManagers[0].program: must be an absolute path']],
    ['a pattern that is none', { ...exec, argument: '(' }, ['secretManagers[0].argument: must be a regular expression']],
  ])('%s', async (_name, entry, faults) => {
    expect(await faultsOf({ secretManagers: [entry] })).toEqual(faults)
  })

  it('have names of their own', async () => {
    expect(await faultsOf({ secretManagers: [vault, { ...exec, name: 'main' }] })).toEqual([
      'secretManagers[1].name: is the name of another entry already: choose another',
    ])
  })

  it('are there, and of the right kind, where something names one', async () => {
    const alert = { name: 'hook', sink: 'webhook', to: 'https://x.example' }
    const systems = [{ name: 'a', probe: 'github', controls: { canary: { username: 'c', password: 'vault:pass/secret/x#p' } } }]
    const faults = await faultsOf({
      secretManagers: [vault, exec],
      systems,
      alerts: [{ ...alert, secret: 'vault:mian/secret/x' }],
      keyRing: { file: 'ring.json', wrap: { by: 'awsKms', manager: 'main', key: 'k' } },
    })
    expect(faults.toSorted()).toEqual([
      'alerts[0].secret: names a secret manager that is not among secretManagers',
      'keyRing.wrap.manager: names a secret manager of another kind: aws is needed',
      'systems[0].controls.canary.password: names a secret manager of another kind: vault is needed',
    ])
  })
})
