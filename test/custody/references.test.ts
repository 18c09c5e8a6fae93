import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ManagerError } from '../../src/custody/managers/manager.ts'
import { parseSecretReference, readReference, readSecret } from '../../src/custody/references.ts'
import { RevenantError } from '../../src/domain/error.ts'

const MARK = 'hunter2-mark'
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'revenant-reference-'))
  process.env.REVENANT_TEST_SECRET = MARK
  process.env.REVENANT_TEST_JSON = JSON.stringify({ token: MARK })
  process.env.REVENANT_TEST_EMPTY = ''
  await writeFile(join(folder, 'plain'), MARK)
  await writeFile(join(folder, 'line'), `${MARK}\n`)
  await writeFile(join(folder, 'crlf'), `${MARK}\r\n`)
  await writeFile(join(folder, 'two-lines'), `${MARK}\n\n`)
  await writeFile(join(folder, 'empty'), '')
  await writeFile(join(folder, 'only-line'), '\n')
  await writeFile(join(folder, 'latin1'), Buffer.from([0xe9, 0xff]))
  await writeFile(join(folder, 'largest'), 'x'.repeat(65_536))
  await writeFile(join(folder, 'too-large'), 'x'.repeat(65_537))
  await writeFile(join(folder, 'json'), `{"username":"bob","password":"${MARK}"}\n`)
  await writeFile(join(folder, 'broken-json'), `{"password":"${MARK}"`)
  await writeFile(join(folder, 'empty-field'), '{"password":""}')
  await writeFile(join(folder, 'nested-json'), `{"password":{"a":"${MARK}"}}`)
  await mkdir(join(folder, 'folder'))
  await symlink(join(folder, 'plain'), join(folder, 'link'))
  execFileSync('mkfifo', [join(folder, 'pipe')])
})
afterAll(async () => {
  for (const name of ['REVENANT_TEST_SECRET', 'REVENANT_TEST_JSON', 'REVENANT_TEST_EMPTY']) delete process.env[name]
  await rm(folder, { recursive: true })
})

const inFolder = (text: string) => text.replace('@', `${folder}/`)

async function errorOf(promise: Promise<unknown>): Promise<RevenantError> {
  const error = await promise.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(RevenantError)
  if (!(error instanceof RevenantError)) throw new Error('no error')
  expect(`${error.message} ${error.stack}`).not.toContain(MARK)
  return error
}

describe('readReference', () => {
  it.each([
    ['env:REVENANT_TEST_SECRET', MARK],
    ['file:@plain', MARK],
    ['file:@line', MARK],
    ['file:@crlf', MARK],
    ['file:@two-lines', `${MARK}\n`],
    ['file:@link', MARK],
    ['file:@largest', 'x'.repeat(65_536)],
  ])('%s', async (text, content) => {
    expect(await readReference(inFolder(text))).toBe(content)
  })

  it.each([
    ['env:REVENANT_TEST_UNSET', 'SECRET_UNAVAILABLE'],
    ['env:REVENANT_TEST_EMPTY', 'SECRET_EMPTY'],
    ['file:@missing', 'SECRET_UNAVAILABLE'],
    ['file:@empty', 'SECRET_EMPTY'],
    ['file:@only-line', 'SECRET_EMPTY'],
    ['file:@latin1', 'SECRET_UNAVAILABLE'],
    ['file:@too-large', 'SECRET_UNAVAILABLE'],
    ['file:@folder', 'SECRET_UNAVAILABLE'],
    ['file:@pipe', 'SECRET_UNAVAILABLE'],
    ['file:/dev/zero', 'SECRET_UNAVAILABLE'],
  ])('%s: %s, and the reference is named', async (text, code) => {
    const error = await errorOf(readReference(inFolder(text)))
    expect(error.code).toBe(code)
    expect(error.message).toContain(inFolder(text))
  })

  it('reads anew each time', async () => {
    const path = join(folder, 'changing')
    await writeFile(path, 'a')
    expect(await readReference(`file:${path}`)).toBe('a')
    await writeFile(path, 'b')
    expect(await readReference(`file:${path}`)).toBe('b')
  })

  it('does not quote what is no reference', async () => {
    expect((await errorOf(readReference(MARK))).code).toBe('SECRET_UNAVAILABLE')
  })
})

describe('readSecret', () => {
  it('reads a whole secret and single fields', async () => {
    expect(await readSecret('env:REVENANT_TEST_JSON')).toEqual({ token: MARK })
    expect(await readSecret(inFolder('file:@json'))).toEqual({ username: 'bob', password: MARK })
    expect(await readSecret({ username: 'canary', password: 'env:REVENANT_TEST_SECRET' })).toEqual({
      username: 'canary',
      password: MARK,
    })
  })

  it.each([
    ['env:REVENANT_TEST_SECRET', 'SECRET_INVALID'],
    ['file:@broken-json', 'SECRET_INVALID'],
    ['file:@nested-json', 'SECRET_INVALID'],
    ['file:@empty-field', 'SECRET_EMPTY'],
  ])('%s: %s', async (text, code) => {
    expect((await errorOf(readSecret(inFolder(text)))).code).toBe(code)
  })

  it('takes a literal field for what it is, even when it looks like an object', async () => {
    expect(await readSecret({ username: 'constructor:x', password: 'env:REVENANT_TEST_SECRET' })).toMatchObject({
      username: 'constructor:x',
    })
  })

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'blank',
      { password: 'env: REVENANT_TEST_SECRET' },
      /"password" of a secret reference is a reference that is not well-formed/,
    ],
    ['case', { password: 'Env:REVENANT_TEST_SECRET' }, /not well-formed/],
    ['manager', { password: 'vault:kv/app secret#x' }, /not well-formed/],
    ['name', { username: 'env: REVENANT_TEST_SECRET', password: 'env:REVENANT_TEST_SECRET' }, /"username" .* not well-formed/],
    ['literal', { username: 'bob', password: MARK }, /"password" .* holds a secret itself/],
    ['beside', { clientSecret: MARK, password: 'env:REVENANT_TEST_SECRET' }, /"clientSecret" .* holds a secret itself/],
    ['key', { [MARK]: MARK }, /a key that is no field name/],
  ])('takes nothing for the secret that is no reference: %s', async (_name, fields, message) => {
    const error = await errorOf(readSecret(fields))
    expect(error.code).toBe('SECRET_INVALID')
    expect(error.message).toMatch(message)
  })
})

describe('fields of one place', () => {
  const pair = {
    username: 'vault:main/secret/db#name',
    password: 'vault:main/secret/db#pass',
    token: 'vault:main/secret/api#token',
  }
  const unavailable = (fault: ManagerError['fault']) =>
    new RevenantError('SECRET_UNAVAILABLE', 'no', { cause: new ManagerError(fault, 'no') })
  const answering = (answer: (text: string, asked: number) => string) => {
    const asked: string[] = []
    const reader = async (text: string) => answer(text, asked.push(text))
    return { asked, reader }
  }

  it('are read whole where several are of it, and by itself where one is', async () => {
    const { asked, reader } = answering((text) => (text.includes('#') ? 't' : '{"name":"bob","pass":"p"}'))
    expect(await readSecret(pair, reader)).toEqual({ username: 'bob', password: 'p', token: 't' })
    expect(asked).toEqual(['vault:main/secret/db', 'vault:main/secret/api#token'])
  })

  it.each<[string, () => string]>([
    [
      'is refused',
      () => {
        throw unavailable('unfit')
      },
    ],
    ['is no object', () => 'text'],
    ['names them otherwise', () => '{"name":"bob"}'],
  ])('are read by themselves where the whole of it %s', async (_name, whole) => {
    const { reader } = answering((text) => (text.includes('#') ? text.slice(-4) : whole()))
    expect(await readSecret(pair, reader)).toEqual({ username: 'name', password: 'pass', token: 'oken' })
  })

  it('are not taken of two versions', async () => {
    const { reader } = answering((text, asked) => (text.includes('#') ? `version ${asked > 4 ? 2 : 1}` : 'text'))
    expect((await errorOf(readSecret(pair, reader))).code).toBe('SECRET_UNAVAILABLE')
  })

  it('are not asked for again where nobody answers', async () => {
    const { asked, reader } = answering((text) => {
      if (!text.includes('#')) throw unavailable('unreachable')
      return 't'
    })
    expect((await errorOf(readSecret(pair, reader))).code).toBe('SECRET_UNAVAILABLE')
    expect(asked).toEqual(['vault:main/secret/db', 'vault:main/secret/api#token'])
  })

  it('of a file, of the environment', async () => {
    const fields = { username: inFolder('file:@json#username'), password: inFolder('file:@json#password') }
    expect(await readSecret({ ...fields, token: 'env:REVENANT_TEST_JSON#token' })).toEqual({
      username: 'bob',
      password: MARK,
      token: MARK,
    })
  })
})

describe('parseSecretReference', () => {
  it.each<[string, unknown]>([
    ['env:X', 'env:X'],
    ['file:/run/x', 'file:/run/x'],
    ['{"username":"bob","password":"env:X"}', { username: 'bob', password: 'env:X' }],
  ])('%s', (text, parsed) => {
    expect(parseSecretReference(text)).toEqual(parsed)
  })
  it.each([
    MARK,
    '',
    '{}',
    '{"password":"hunter2-mark"}',
    `{"password":"${MARK}`,
    `{"password":"env:X","token":"${MARK}"}`,
    '{"password":"env:X","username":"env: X"}',
    '{"password":"env: X"}',
    '{"username":"bob"}',
    'file:relative',
    ' env:X',
    '["env:X"]',
  ])('refuses %j without quoting it', async (text) => {
    const error = await errorOf(Promise.resolve().then(() => parseSecretReference(text)))
    expect(error.code).toBe('SECRET_INVALID')
  })
})
