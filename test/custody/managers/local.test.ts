import { readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readSecret } from '../../../src/custody/references.ts'
import { errorOf, openReader } from './read.ts'

const MARK = 'hunter2-of-this-machine'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'revenant-local-'))
})
afterAll(() => rm(folder, { recursive: true }))
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})
async function reader(entry: Record<string, unknown>) {
  const opened = await openReader(entry)
  closers.push(opened.close)
  return opened.read
}

describe('fields of what needs no manager', () => {
  it('env: and file: take a field too', async () => {
    const { readReference } = await import('../../../src/custody/references.ts')
    await writeFile(join(folder, 'db.json'), JSON.stringify({ password: MARK, port: 1 }))
    process.env.REVENANT_TEST_FIELD = JSON.stringify({ 'a b': MARK })
    try {
      expect(await readReference(`file:${folder}/db.json#password`)).toBe(MARK)
      expect(await readReference('env:REVENANT_TEST_FIELD#a%20b')).toBe(MARK)
      expect((await errorOf(readReference(`file:${folder}/db.json#none`), MARK)).code).toBe('SECRET_UNAVAILABLE')
      expect((await errorOf(readReference(`file:${folder}/db.json#port`), MARK)).code).toBe('SECRET_INVALID')
      expect((await errorOf(readReference('vault:main/secret/x'))).message).toContain('no secret manager main')
    } finally {
      delete process.env.REVENANT_TEST_FIELD
    }
  })
})

/** As the kubelet lays a secret out: files that lead through `..data` to a folder of this version, replaced by one rename. */
async function mount(secret: string, version: string, keys: Record<string, string>): Promise<void> {
  const place = join(folder, 'mounted', secret)
  await mkdir(join(place, `..${version}`), { recursive: true })
  for (const [key, value] of Object.entries(keys)) {
    await writeFile(join(place, `..${version}`, key), value)
    await symlink(join('..data', key), join(place, key)).catch(() => {})
  }
  await symlink(`..${version}`, join(place, '..data_tmp'))
  await rename(join(place, '..data_tmp'), join(place, '..data'))
}

describe('secrets that Kubernetes mounts', () => {
  const open = () => reader({ name: 'pod', manager: 'kubernetes', folder: join(folder, 'mounted') })

  it('are read as they are now, over a swap of all keys', async () => {
    const read = await open()
    await mount('bot', '2026_1', { token: MARK, username: 'bot' })
    expect(await read('kubernetes:pod/bot#token')).toBe(MARK)
    expect(JSON.parse(await read('kubernetes:pod/bot'))).toEqual({ token: MARK, username: 'bot' })
    await mount('bot', '2026_2', { token: 'new', username: 'bot2' })
    await rm(join(folder, 'mounted/bot/..2026_1'), { recursive: true })
    expect(JSON.parse(await read('kubernetes:pod/bot'))).toEqual({ token: 'new', username: 'bot2' })
  })

  it('are read key by key where another key is no text', async () => {
    const read = await open()
    await mount('mixed', '2026_1', { username: 'bot', password: MARK })
    await writeFile(join(folder, 'mounted/mixed/..2026_1/keystore'), Buffer.from([0xff, 0xfe]))
    expect((await errorOf(read('kubernetes:pod/mixed'), MARK)).message).toContain('no UTF-8 text')
    const [username, password] = ['kubernetes:pod/mixed#username', 'kubernetes:pod/mixed#password']
    expect(await readSecret({ password }, read)).toEqual({ password: MARK })
    expect(await readSecret({ username, password }, read)).toEqual({ username: 'bot', password: MARK })
  })

  it('are read from plain folders too', async () => {
    await mkdir(join(folder, 'mounted', 'plain'), { recursive: true })
    await writeFile(join(folder, 'mounted', 'plain', 'token'), `${MARK}\n`)
    expect(await (await open())('kubernetes:pod/plain#token')).toBe(MARK)
  })

  it.each([
    ['kubernetes:pod/none#token', /holds no such secret \(ENOENT\)/],
    ['kubernetes:pod/bot#none', /holds no such secret \(ENOENT\)/],
    ['kubernetes:pod/bot#..data', /no key of that name/],
    ['kubernetes:pod/bot#..%2F..%2Foutside', /no key of that name/],
    ['kubernetes:pod/a/b', /one folder for each secret/],
    ['kubernetes:pod/bot?version=2', /keeps no versions/],
  ])('%s', async (reference, message) => {
    await writeFile(join(folder, 'outside'), MARK)
    expect((await errorOf((await open())(reference), MARK)).message).toMatch(message)
  })

  it.each([
    'kubernetes:pod/../outside',
    'kubernetes:pod/%2e%2e/outside',
    'kubernetes:pod/.',
    'kubernetes:pod/a//b',
    'kubernetes:pod/a%00b',
    'kubernetes:pod/%zz',
  ])('%s is no reference', async (reference) => {
    expect((await errorOf((await open())(reference))).message).toContain('not given by reference')
  })
})

describe('programs that print a secret', () => {
  const program = async (name: string, script: string) => {
    const path = join(folder, name)
    await writeFile(path, `#!/bin/sh\n${script}\n`)
    await chmod(path, 0o700)
    return path
  }

  it('get their arguments, no environment but PATH, and no input', async () => {
    process.env.REVENANT_TEST_ENV = MARK
    const path = await program(
      'show',
      'echo "[$*] [$(env | cut -d= -f1 | grep -vE "^(PWD|SHLVL|_|OLDPWD)$" | tr "\\n" " ")] [$(cat)]"',
    )
    const read = await reader({
      name: 'show',
      manager: 'exec',
      program: path,
      args: ['show', 'a b; echo c'],
      argument: '[a-z]+/[a-z]+',
    })
    expect(await read('exec:show')).toBe('[show a b; echo c] [PATH ] []')
    expect(await read('exec:show/team/db')).toBe('[show a b; echo c team/db] [PATH ] []')
    delete process.env.REVENANT_TEST_ENV
  })

  it('may print an object', async () => {
    const path = await program('json', `echo '{"password":"${MARK}"}'`)
    expect(await (await reader({ name: 'json', manager: 'exec', program: path }))('exec:json#password')).toBe(MARK)
  })

  it.each([
    ['an argument that does not fit', 'echo x', 'exec:p/Team/db', /does not take that argument/],
    ['an option', 'echo x', 'exec:p/--all', /does not take that argument/],
    ['another exit code', `echo ${MARK}; echo ${MARK} >&2; exit 7`, 'exec:p', /ended with exit code 7/],
    ['too much', `while :; do echo ${MARK}${MARK}${MARK}${MARK}; done`, 'exec:p', /more than 64 KiB/],
    ['bytes that are no text', "printf '\\377\\376'", 'exec:p', /no UTF-8/],
    ['nothing', 'true', 'exec:p', /is empty/],
  ])('%s: says so, without what was printed', async (_name, script, reference, message) => {
    const path = await program('p', script)
    const read = await reader({ name: 'p', manager: 'exec', program: path, argument: '(?:--all|[a-z]+/[a-z]+)' })
    expect((await errorOf(read(reference), MARK)).message).toMatch(message)
  })

  it('one that takes no argument gets none', async () => {
    const read = await reader({ name: 'p', manager: 'exec', program: await program('q', 'echo x') })
    expect((await errorOf(read('exec:p/x'))).message).toMatch(/takes no argument/)
  })

  it('one that is not there', async () => {
    const read = await reader({ name: 'p', manager: 'exec', program: join(folder, 'no-such-program') })
    expect((await errorOf(read('exec:p'))).message).toMatch(/could not be started \(ENOENT\)/)
  })

  it('one that hangs is ended, with all that it started', async () => {
    const path = await program('hang', `sh -c 'echo $$ > ${folder}/child; sleep 60' & wait`)
    const read = await reader({ name: 'hang', manager: 'exec', program: path })
    expect((await errorOf(read('exec:hang'))).message).toMatch(/did not answer within 5 s/)
    const pid = Number(await readFile(join(folder, 'child'), 'utf8'))
    await expect.poll(() => isAlive(pid)).toBe(false)
  }, 10_000)
})

/** A process that nobody has waited for yet has ended all the same. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' && process.platform !== 'linux'
  }
}
