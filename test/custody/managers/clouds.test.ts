import { createCipheriv, createDecipheriv, generateKeyPairSync, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readSecret } from '../../../src/custody/references.ts'
import { type Asked, type HttpReceiver, type Reply, startHttpReceiver } from '../../servers/http-receiver.ts'
import { errorOf, openReader } from './read.ts'

/** The documented answers of each cloud's HTTP API, served on loopback: none of them is that cloud, and their checks of signatures are not made. */
const MARK = 'hunter2-in-the-cloud'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'revenant-clouds-'))
  await writeFile(join(folder, 'id'), 'AKIAEXAMPLEEXAMPLE00')
  await writeFile(join(folder, 'key'), 'secret-access-key-of-the-test')
  await writeFile(join(folder, 'client-secret'), 'client-secret-of-the-test')
  await writeFile(join(folder, 'token'), 'connect-token-of-the-test')
})
afterAll(() => rm(folder, { recursive: true }))
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function serve(answer: (asked: Asked) => Reply | undefined): Promise<HttpReceiver> {
  const server = await startHttpReceiver(answer)
  closers.push(server.close)
  return server
}
async function reader(entry: Record<string, unknown>) {
  const opened = await openReader(entry)
  closers.push(opened.close)
  return opened
}
/** A manager's own keys, as the key ring uses them. */
async function keysOf({ managers }: Awaited<ReturnType<typeof reader>>, name: string) {
  const { keys } = (await managers.find(name)?.open()) ?? {}
  if (keys === undefined) throw new Error('it has no keys')
  return keys
}

describe('the documented answers of AWS (JSON 1.1), on loopback', () => {
  const secrets: Record<string, Reply> = {
    'app/db': {
      status: 200,
      body: { ARN: 'arn:aws:x', Name: 'app/db', VersionId: 'v', SecretString: JSON.stringify({ password: MARK }) },
    },
    plain: { status: 200, body: { Name: 'plain', SecretString: MARK } },
    binary: { status: 200, body: { Name: 'binary', SecretBinary: Buffer.from(MARK).toString('base64') } },
    denied: { status: 400, body: { __type: 'AccessDeniedException', Message: `not you ${MARK}` } },
    deleted: { status: 400, body: { __type: 'InvalidRequestException', Message: `marked for deletion ${MARK}` } },
    broken: { status: 500, body: { __type: 'InternalServiceError', Message: MARK } },
  }
  const kmsKey = randomBytes(32)
  const answer = ({ headers, body }: Asked): Reply => {
    const given = JSON.parse(body.toString()) as Record<string, unknown>
    switch (headers['x-amz-target']) {
      case 'secretsmanager.GetSecretValue':
        if (given.VersionStage === 'AWSPREVIOUS') return { status: 200, body: { SecretString: 'the-old-one' } }
        return (
          secrets[String(given.SecretId)] ?? {
            status: 400,
            body: { __type: 'ResourceNotFoundException', message: "Secrets Manager can't find the specified secret." },
          }
        )
      case 'AmazonSSM.GetParameter':
        if (!['/app/db', 'single', '/app/db:2'].includes(String(given.Name)) || given.WithDecryption !== true)
          return { status: 400, body: { __type: 'ParameterNotFound', message: '' } }
        return {
          status: 200,
          body: { Parameter: { Name: given.Name, Type: 'SecureString', Value: `${MARK} of ${given.Name}`, Version: 1 } },
        }
      case 'TrentService.Encrypt': {
        const nonce = randomBytes(12)
        const cipher = createCipheriv('aes-256-gcm', kmsKey, nonce)
        cipher.setAAD(Buffer.from(JSON.stringify(given.EncryptionContext)))
        const sealed = [nonce, cipher.update(String(given.Plaintext), 'base64'), cipher.final(), cipher.getAuthTag()]
        return { status: 200, body: { KeyId: 'arn:aws:kms:x', CiphertextBlob: Buffer.concat(sealed).toString('base64') } }
      }
      case 'TrentService.Decrypt': {
        const blob = Buffer.from(String(given.CiphertextBlob), 'base64')
        try {
          const decipher = createDecipheriv('aes-256-gcm', kmsKey, blob.subarray(0, 12))
          decipher.setAAD(Buffer.from(JSON.stringify(given.EncryptionContext)))
          decipher.setAuthTag(blob.subarray(-16))
          const plain = Buffer.concat([decipher.update(blob.subarray(12, -16)), decipher.final()])
          return { status: 200, body: { KeyId: 'arn:aws:kms:x', Plaintext: plain.toString('base64') } }
        } catch {
          return { status: 400, body: { __type: 'InvalidCiphertextException' } }
        }
      }
      default:
        return { status: 400, body: { __type: 'UnknownOperationException' } }
    }
  }
  const open = async () => {
    const server = await serve((asked) => {
      const { status, headers, body } = answer(asked)
      return { status, headers: { ...headers, 'content-type': 'application/x-amz-json-1.1' }, body: JSON.stringify(body) }
    })
    const auth = { accessKeyId: `file:${folder}/id`, secretAccessKey: `file:${folder}/key` }
    return { server, ...(await reader({ name: 'main', manager: 'aws', region: 'eu-west-1', endpoint: server.origin, auth })) }
  }

  it.each([
    ['aws-secrets:main/app/db#password', MARK],
    ['aws-secrets:main/plain', MARK],
    ['aws-secrets:main/binary', MARK],
    ['aws-secrets:main/app/db?version=AWSPREVIOUS', 'the-old-one'],
    ['aws-ssm:main/app/db', `${MARK} of /app/db`],
    ['aws-ssm:main/app/db?version=2', `${MARK} of /app/db:2`],
    ['aws-ssm:main/single', `${MARK} of single`],
  ])('%s', async (reference, content) => {
    const { read, server } = await open()
    expect(await read(reference)).toBe(content)
    expect(server.asked[0]?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLEEXAMPLE00\/\d+\/eu-west-1\/(?:secretsmanager|ssm)\//,
    )
  })

  it.each([
    ['aws-secrets:main/none', /answered 400 ResourceNotFoundException/],
    ['aws-secrets:main/denied', /answered 400 AccessDeniedException/],
    ['aws-secrets:main/deleted', /answered 400 InvalidRequestException/],
    ['aws-secrets:main/broken', /answered 500 InternalServiceError/],
    ['aws-ssm:main/none', /answered 400 ParameterNotFound/],
  ])('%s: says what AWS says, without its text', async (reference, message) => {
    const error = await errorOf((await open()).read(reference), MARK, 'secret-access-key-of-the-test')
    expect(error).toMatchObject({ code: 'SECRET_UNAVAILABLE', message: expect.stringMatching(message) })
  })

  it('KMS wraps, and unwraps nothing that was changed', async () => {
    const keys = await keysOf(await open(), 'main')
    const wrapped = await keys.wrap('alias/revenant', Buffer.from(MARK), undefined)
    expect((await keys.unwrap('alias/revenant', wrapped, undefined)).toString()).toBe(MARK)
    const changed = Buffer.from(wrapped, 'base64')
    changed[20] = (changed[20] ?? 0) ^ 1
    await expect(keys.unwrap('alias/revenant', changed.toString('base64'), undefined)).rejects.toThrow(
      'InvalidCiphertextException',
    )
  })
})

describe('the documented answers of Google Cloud, on loopback', () => {
  const cipherKey = randomBytes(32)
  const answer = ({ path, headers, body, method }: Asked): Reply => {
    if (headers['metadata-flavor'] === 'Google') {
      const flavour = { 'metadata-flavor': 'Google' }
      if (path.endsWith('/token'))
        return {
          status: 200,
          headers: flavour,
          body: { access_token: 'ya29.of-the-machine', expires_in: 3_599, token_type: 'Bearer' },
        }
      return { status: 200, headers: flavour, body: 'ok' }
    }
    if (headers.authorization !== 'Bearer ya29.of-the-machine')
      return { status: 401, body: { error: { code: 401, status: 'UNAUTHENTICATED' } } }
    if (method === 'GET') {
      const secret = '/v1/projects/project-1/secrets/app-db/versions/'
      if (path === `${secret}latest:access` || path === `${secret}2:access`)
        return {
          status: 200,
          body: {
            name: path.slice(4, -7),
            payload: { data: Buffer.from(JSON.stringify({ password: MARK })).toString('base64'), dataCrc32c: '1' },
          },
        }
      if (path.includes('denied'))
        return { status: 403, body: { error: { code: 403, message: MARK, status: 'PERMISSION_DENIED' } } }
      return { status: 404, body: { error: { code: 404, message: MARK, status: 'NOT_FOUND' } } }
    }
    const given = JSON.parse(body.toString()) as { plaintext?: string; ciphertext?: string; additionalAuthenticatedData: string }
    if (path === '/v1/projects/p/locations/l/keyRings/r/cryptoKeys/k:encrypt') {
      const cipher = createCipheriv('aes-256-gcm', cipherKey, Buffer.alloc(12))
      cipher.setAAD(Buffer.from(given.additionalAuthenticatedData, 'base64'))
      const sealed = Buffer.concat([cipher.update(given.plaintext ?? '', 'base64'), cipher.final(), cipher.getAuthTag()])
      return { status: 200, body: { name: `${path.slice(4, -8)}/cryptoKeyVersions/1`, ciphertext: sealed.toString('base64') } }
    }
    const sealed = Buffer.from(given.ciphertext ?? '', 'base64')
    const decipher = createDecipheriv('aes-256-gcm', cipherKey, Buffer.alloc(12))
    decipher.setAAD(Buffer.from(given.additionalAuthenticatedData, 'base64'))
    decipher.setAuthTag(sealed.subarray(-16))
    return {
      status: 200,
      body: { plaintext: Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString('base64') },
    }
  }
  const before = { host: process.env.GCE_METADATA_HOST, file: process.env.GOOGLE_APPLICATION_CREDENTIALS }
  afterEach(() => {
    if (before.host === undefined) delete process.env.GCE_METADATA_HOST
    else process.env.GCE_METADATA_HOST = before.host
  })
  const open = async () => {
    const server = await serve(answer)
    process.env.GCE_METADATA_HOST = new URL(server.origin).host
    return reader({ name: 'main', manager: 'gcp', project: 'project-1', endpoint: server.origin })
  }

  it.each([
    ['gcp:main/app-db#password', MARK],
    ['gcp:main/app-db?version=2#password', MARK],
  ])('%s, with the token of the machine', async (reference, content) => {
    expect(await (await open()).read(reference)).toBe(content)
  })

  it.each([
    ['gcp:main/none', /answered 404/],
    ['gcp:main/denied', /answered 403/],
    ['gcp:main/a/b', /has no folders/],
  ])('%s: says the status, without the text', async (reference, message) => {
    expect((await errorOf((await open()).read(reference), MARK)).message).toMatch(message)
  })

  it('credentials that cannot be used are not quoted', async () => {
    await writeFile(join(folder, 'gcp.json'), JSON.stringify({ type: 'service_account', client_email: 'a@b', private_key: MARK }))
    const opened = await reader({ name: 'main', manager: 'gcp', project: 'project-1', credentials: `file:${folder}/gcp.json` })
    expect((await errorOf(opened.read('gcp:main/app-db'), MARK)).message).toContain('no token could be had')
  })

  it('KMS wraps and unwraps', async () => {
    const keys = await keysOf(await open(), 'main')
    const key = 'projects/p/locations/l/keyRings/r/cryptoKeys/k'
    expect((await keys.unwrap(key, await keys.wrap(key, Buffer.from(MARK), undefined), undefined)).toString()).toBe(MARK)
  })
})

describe('the documented answers of Azure, on loopback', () => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const oaep = { oaepHash: 'sha256' }
  const version = '78deebed173b48e48f55abf87ed4cf71'
  const answer = ({ path, query, headers, body, method }: Asked): Reply => {
    if (path === '/tenant-1/oauth2/v2.0/token') {
      const form = new URLSearchParams(body.toString())
      const right =
        form.get('client_secret') === 'client-secret-of-the-test' ||
        (form.get('client_assertion') === 'connect-token-of-the-test' &&
          form.get('client_assertion_type') === 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
      if (!right || form.get('scope') !== 'https://vault.azure.net/.default')
        return { status: 401, body: { error: 'invalid_client', error_description: `AADSTS7000215 ${MARK}` } }
      return {
        status: 200,
        body: { token_type: 'Bearer', expires_in: 3_599, ext_expires_in: 3_599, access_token: 'eyJ.of-entra' },
      }
    }
    if (path === '/msi/token') {
      if (headers['x-identity-header'] !== 'header-of-the-app') return { status: 400, body: {} }
      return {
        status: 200,
        body: { access_token: 'eyJ.of-entra', expires_in: '86400', resource: query.get('resource'), token_type: 'Bearer' },
      }
    }
    if (headers.authorization !== 'Bearer eyJ.of-entra') return { status: 401, body: { error: { code: 'Unauthorized' } } }
    if (query.get('api-version') !== '7.4') return { status: 400, body: {} }
    const given = method === 'POST' ? (JSON.parse(body.toString()) as { alg: string; value: string }) : { alg: '', value: '' }
    const kid = `https://vault-1.vault.azure.net/keys/ring/${version}`
    const bytes = Buffer.from(given.value, 'base64url')
    if (path === '/keys/ring/wrapkey' && given.alg === 'RSA-OAEP-256')
      return { status: 200, body: { kid, value: publicEncrypt({ key: pair.publicKey, ...oaep }, bytes).toString('base64url') } }
    if (path === `/keys/ring/${version}/unwrapkey`)
      return { status: 200, body: { kid, value: privateDecrypt({ key: pair.privateKey, ...oaep }, bytes).toString('base64url') } }
    if (path === '/secrets/app-db' || path === `/secrets/app-db/${version}`)
      return { status: 200, body: { value: MARK, id: `https://vault-1.vault.azure.net${path}`, attributes: { enabled: true } } }
    if (path === '/secrets/off')
      return { status: 403, body: { error: { code: 'Forbidden', innererror: { code: 'SecretDisabled' }, message: MARK } } }
    return { status: 404, body: { error: { code: 'SecretNotFound', message: MARK } } }
  }
  const open = async (auth: Record<string, unknown>) => {
    const server = await serve(answer)
    const own = auth.method === 'managed-identity' ? {} : { tenantId: 'tenant-1', clientId: 'client-1', authority: server.origin }
    return { server, ...(await reader({ name: 'main', manager: 'azure', address: server.origin, auth: { ...own, ...auth } })) }
  }
  const bySecret = () => ({ method: 'client-secret', clientSecret: `file:${folder}/client-secret` })

  it('signs in with a client secret, once', async () => {
    const { read, server } = await open(bySecret())
    expect(await read('azure:main/app-db')).toBe(MARK)
    expect(await read(`azure:main/app-db?version=${version}`)).toBe(MARK)
    expect(server.asked.filter(({ path }) => path.endsWith('/token'))).toHaveLength(1)
  })

  it('signs in with the token of another', async () => {
    const { read } = await open({ method: 'workload-identity', token: `file:${folder}/token` })
    expect(await read('azure:main/app-db')).toBe(MARK)
  })

  it('signs in as the app that it runs in', async () => {
    const { read, server } = await open({ method: 'managed-identity' })
    process.env.IDENTITY_ENDPOINT = `${server.origin}/msi/token`
    process.env.IDENTITY_HEADER = 'header-of-the-app'
    try {
      expect(await read('azure:main/app-db')).toBe(MARK)
    } finally {
      delete process.env.IDENTITY_ENDPOINT
      delete process.env.IDENTITY_HEADER
    }
  })

  it.each([
    ['azure:main/none', /answered 404/],
    ['azure:main/off', /answered 403/],
    ['azure:main/a/b', /has no folders/],
  ])('%s: says the status, without the text', async (reference, message) => {
    expect((await errorOf((await open(bySecret())).read(reference), MARK, 'client-secret-of-the-test')).message).toMatch(message)
  })

  it('says that the sign-in was refused', async () => {
    const { read } = await open({ method: 'client-secret', clientSecret: `file:${folder}/key` })
    expect((await errorOf(read('azure:main/app-db'), MARK, 'secret-access-key-of-the-test')).message).toContain(
      'no token by client-secret (401)',
    )
  })

  it('a key wraps, and its version unwraps', async () => {
    const keys = await keysOf(await open(bySecret()), 'main')
    const wrapped = await keys.wrap('ring', Buffer.from(MARK), undefined)
    expect(wrapped).toContain(version)
    expect((await keys.unwrap('ring', wrapped, undefined)).toString()).toBe(MARK)
  })
})

describe('the documented answers of 1Password Connect, on loopback', () => {
  const vaultId = 'ftz4pm2xxwmwrsd7rjqn7grzfz'
  const itemId = '2fcbqwe9ndg175zg2dzwftvkpa'
  const crossedId = '3gdcrxfanehg286ah3eaxguwlq'
  const answer = ({ path, query, headers }: Asked): Reply => {
    if (headers.authorization !== 'Bearer connect-token-of-the-test')
      return { status: 401, body: { status: 401, message: 'Invalid token signature' } }
    const filter = query.get('filter')
    if (path === '/v1/vaults')
      return { status: 200, body: filter === 'name eq "Leavers"' ? [{ id: vaultId, name: 'Leavers', items: 2 }] : [] }
    if (path === `/v1/vaults/${vaultId}/items`) {
      const one = { id: itemId, title: 'db', vault: { id: vaultId }, category: 'DATABASE' }
      return {
        status: 200,
        body:
          filter === 'title eq "db"'
            ? [one]
            : filter === 'title eq "two"'
              ? [one, { ...one, id: 'wepiqdxdzncjtnvmv5fegud4qy' }]
              : [],
      }
    }
    if (![itemId, crossedId].some((id) => path === `/v1/vaults/${vaultId}/items/${id}`))
      return { status: 404, body: { status: 404, message: MARK } }
    const fields = [
      { id: 'username', type: 'STRING', purpose: 'USERNAME', label: 'username', value: 'bob' },
      { id: 'password', type: 'CONCEALED', purpose: 'PASSWORD', label: 'password', value: MARK },
      { id: 'notesPlain', type: 'STRING', purpose: 'NOTES', label: 'notesPlain' },
      { id: 'a1', section: { id: 's' }, type: 'STRING', label: 'key', value: 'first' },
      { id: 'a2', section: { id: 't' }, type: 'STRING', label: 'key', value: 'second' },
      { id: 'p9', section: { id: 't' }, type: 'STRING', label: 'pin', value: '1234' },
    ]
    // One has the label that is the id of another.
    if (path.endsWith(crossedId)) fields.push({ id: 'b1', section: { id: 's' }, type: 'STRING', label: 'a1', value: 'third' })
    return { status: 200, body: { id: itemId, title: 'db', vault: { id: vaultId }, category: 'DATABASE', fields } }
  }
  const open = async () => {
    const server = await serve(answer)
    return (await reader({ name: 'main', manager: '1password', address: server.origin, token: `file:${folder}/token` })).read
  }

  it.each([
    ['1password:main/Leavers/db#password', MARK],
    [`1password:main/${vaultId}/${itemId}#password`, MARK],
    ['1password:main/Leavers/db', JSON.stringify({ username: 'bob', password: MARK, a1: 'first', a2: 'second', pin: '1234' })],
    ['1password:main/Leavers/db#a2', 'second'],
    ['1password:main/Leavers/db#p9', '1234'],
    [`1password:main/Leavers/${crossedId}#b1`, 'third'],
  ])('%s', async (reference, content) => {
    expect(await (await open())(reference)).toBe(content)
  })

  it.each([
    ['1password:main/Nobody/db', /no such one among its vaults/],
    ['1password:main/Leavers/none', /no such one among its items/],
    ['1password:main/Leavers/two', /has 2 items of that name/],
    ['1password:main/Leavers/db#none', /names a field that is not held/],
    ['1password:main/Leavers/db#key', /has 2 fields there that go by that name/],
    [`1password:main/Leavers/${crossedId}#a1`, /has 2 fields there that go by that name/],
    [`1password:main/Leavers/${crossedId}`, /one has the label that is the id of another/],
    ['1password:main/Leavers', /names its secrets VAULT\/ITEM/],
    [`1password:main/${itemId}/${itemId}`, /answered 404/],
  ])('%s: names what is wrong, without the content', async (reference, message) => {
    expect((await errorOf((await open())(reference), MARK, 'connect-token-of-the-test')).message).toMatch(message)
  })

  it('fields of a secret go by their labels or ids, one or several of an item', async () => {
    const read = await open()
    expect(await readSecret({ pin: '1password:main/Leavers/db#p9' }, read)).toEqual({ pin: '1234' })
    const several = { password: '1password:main/Leavers/db#password', pin: '1password:main/Leavers/db#p9' }
    expect(await readSecret(several, read)).toEqual({ password: MARK, pin: '1234' })
    const crossed = (field: string) => `1password:main/Leavers/${crossedId}#${field}`
    expect(await readSecret({ key: crossed('b1'), pin: crossed('pin') }, read)).toEqual({ key: 'third', pin: '1234' })
    expect((await errorOf(readSecret({ key: crossed('a1'), pin: crossed('pin') }, read), MARK)).message).toMatch(/has 2 fields/)
  })
})
