import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
})

describe('parseSecretReference', () => {
  it.each<[string, unknown]>([
    ['env:X', 'env:X'],
    ['file:/run/x', 'file:/run/x'],
    ['{"username":"bob","password":"env:X"}', { username: 'bob', password: 'env:X' }],
  ])('%s', (text, parsed) => {
    expect(parseSecretReference(text)).toEqual(parsed)
  })
  it.each([MARK, '', '{}', '{"password":"hunter2-mark"}', `{"password":"${MARK}`, 'file:relative', '["env:X"]'])(
    'refuses %j without quoting it',
    async (text) => {
      const error = await errorOf(Promise.resolve().then(() => parseSecretReference(text)))
      expect(error.code).toBe('SECRET_INVALID')
    },
  )
})
