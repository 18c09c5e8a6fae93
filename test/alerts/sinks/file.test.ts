import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { advise } from '../../../src/alerts/advise.ts'
import { rotatingFile } from '../../../src/alerts/file/rotating-file.ts'
import { openSink, sinkEntry } from '../../../src/alerts/sinks/registry.ts'
import type { Sink, SinkDeps } from '../../../src/alerts/sinks/sink.ts'
import type { Alert } from '../../../src/domain/alert.ts'
import { ALERT } from '../sample.ts'
import { DEPS, failureOf, message, patience } from './deps.ts'

let folder: string
let path: string
const opened: { close(): Promise<unknown> }[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'revenant-file-sink-'))
  path = join(folder, 'alerts.jsonl')
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
  await rm(folder, { recursive: true, force: true })
})

function open(entry: object = {}, deps: Partial<SinkDeps> = {}): Sink {
  const sink = openSink(sinkEntry.parse({ name: 'disk', sink: 'file', to: path, ...entry }), { ...DEPS, ...deps })
  opened.push(sink)
  return sink
}

const numbered = (sequence: number): Alert => ({ ...ALERT, sequence })
const linesOf = async (file = path) =>
  (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
const sequences = async (file = path) => (await linesOf(file)).map(({ data }) => data.sequence)

describe('file', () => {
  it('appends one line an alert, to a file that only we may read', async () => {
    const sink = open()
    const { detail } = await sink.deliver(message(numbered(1)), patience())
    await sink.deliver(message(numbered(2)), patience())
    expect(await sequences()).toEqual([1, 2])
    expect((await linesOf())[0]).toMatchObject({ type: 'revenant.finding.opened', data: { id: ALERT.id } })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(detail.bytes).toBe((await readFile(path)).indexOf('\n') + 1)
  })

  it.each(['json', 'ocsf', 'ecs', 'udm', 'cef', 'leef'] as const)('writes %s as one line', async (format) => {
    await open({ format }).deliver(message({ ...ALERT, title: 'a\nb\r\nc' }, format), patience())
    expect((await readFile(path, 'utf8')).match(/[\r\n]/g)).toEqual(['\n'])
  })

  it('keeps the mode of a file that was there', async () => {
    await writeFile(path, '')
    await chmod(path, 0o640)
    await open().deliver(message(), patience())
    expect((await stat(path)).mode & 0o777).toBe(0o640)
  })

  it('goes on in the file of the run before, and after half a line of a crash', async () => {
    await open().deliver(message(numbered(1)), patience())
    await writeFile(path, '{"torn": ', { flag: 'a' })
    await open().deliver(message(numbered(2)), patience())
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
    expect(lines.map((line) => line.startsWith('{"torn'))).toEqual([false, true, false])
    expect(JSON.parse(lines[2] ?? '')).toMatchObject({ data: { sequence: 2 } })
  })

  it('makes the file anew when somebody has moved it away or removed it', async () => {
    const sink = open()
    await sink.deliver(message(numbered(1)), patience())
    await rename(path, `${path}-20261122`)
    await sink.deliver(message(numbered(2)), patience())
    await rm(path)
    await sink.deliver(message(numbered(3)), patience())
    expect(await sequences(`${path}-20261122`)).toEqual([1])
    expect(await sequences()).toEqual([3])
  })

  it('follows a file that was cut to nothing (copytruncate)', async () => {
    const sink = open()
    await sink.deliver(message(numbered(1)), patience())
    await writeFile(path, '')
    await sink.deliver(message(numbered(2)), patience())
    expect(await sequences()).toEqual([2])
  })

  it('turns over by age', async () => {
    let now = Temporal.Now.instant()
    const sink = open({ maxAgeHours: 1 }, { now: () => now })
    await sink.deliver(message(numbered(1)), patience())
    now = now.add({ minutes: 59 })
    await sink.deliver(message(numbered(2)), patience())
    now = now.add({ minutes: 2 })
    const { detail } = await sink.deliver(message(numbered(3)), patience())
    expect(detail.rotated).toBe('yes')
    expect(await sequences(`${path}.1`)).toEqual([1, 2])
    expect(await sequences()).toEqual([3])
  })

  it('keeps two hundred at once whole and in their order', async () => {
    const sink = open()
    await Promise.all(Array.from({ length: 200 }, (_, n) => sink.deliver(message(numbered(n + 1)), patience())))
    expect(await sequences()).toEqual(Array.from({ length: 200 }, (_, n) => n + 1))
  })

  it.each([
    ['a folder that is missing', () => undefined, 'ENOENT', /folder does not exist/],
    ['a folder in its place', () => mkdirSync(path), 'EISDIR', /no regular file/],
    ['a pipe in its place', () => execFileSync('mkfifo', [path]), 'NOT_A_FILE', /no regular file/],
    ['a device in its place', () => symlinkSync('/dev/full', path), 'NOT_A_FILE', /no regular file/],
  ])('fails on %s, and may try again', async (_, place, code, words) => {
    place()
    const to = code === 'ENOENT' ? join(folder, 'none/alerts.jsonl') : path
    const error = await failureOf(open({ to }))
    expect(error).toMatchObject({ code: 'SINK_UNREACHABLE', retry: true, detail: { stage: 'write', error: code } })
    expect(advise(error)).toMatch(words)
  })

  it('writes again once the fault is mended', async () => {
    const to = join(folder, 'later/alerts.jsonl')
    const sink = open({ to })
    await failureOf(sink)
    await mkdir(join(folder, 'later'))
    await sink.deliver(message(numbered(1)), patience())
    expect(await sequences(to)).toEqual([1])
  })

  it('stops when the caller aborts', async () => {
    expect(await failureOf(open(), message(), AbortSignal.abort())).toMatchObject({ retry: true, detail: { error: 'ABORTED' } })
    expect(await readdir(folder)).toEqual([])
  })

  it.each(['alerts.jsonl', './a', '/var/log/', '', 'https://a'])('refuses "%s" as a path', (to) => {
    expect(sinkEntry.safeParse({ name: 'disk', sink: 'file', to }).success).toBe(false)
  })
})

describe('rotatingFile', () => {
  it('turns over by size and keeps so many', async () => {
    const file = rotatingFile({ path, maxBytes: 25, maxAgeMs: 3_600_000, keep: 2, now: DEPS.now })
    opened.push(file)
    const rotated: boolean[] = []
    for (let n = 1; n <= 7; n++) rotated.push((await file.append(`line ${n}....`, patience())).rotated)
    expect(rotated).toEqual([false, false, true, false, true, false, true])
    expect((await readdir(folder)).toSorted()).toEqual(['alerts.jsonl', 'alerts.jsonl.1', 'alerts.jsonl.2'])
    expect(await readFile(path, 'utf8')).toBe('line 7....\n')
    expect(await readFile(`${path}.1`, 'utf8')).toBe('line 5....\nline 6....\n')
    expect(await readFile(`${path}.2`, 'utf8')).toBe('line 3....\nline 4....\n')
    for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
  })

  it('writes a line that is longer than the file may be into a file of its own', async () => {
    const file = rotatingFile({ path, maxBytes: 5, maxAgeMs: 3_600_000, keep: 1, now: DEPS.now })
    opened.push(file)
    await file.append('first one', patience())
    await file.append('second', patience())
    expect(await readFile(path, 'utf8')).toBe('second\n')
    expect(await readFile(`${path}.1`, 'utf8')).toBe('first one\n')
  })

  it('leaves no half line behind where there is no room for a whole one', async () => {
    const { href } = new URL('../../../src/alerts/file/rotating-file.ts', import.meta.url)
    const script = `
      import { rotatingFile } from ${JSON.stringify(href)}
      const file = rotatingFile({ path: ${JSON.stringify(path)}, maxBytes: 1e6, maxAgeMs: 3.6e6, keep: 1, now: () => Temporal.Now.instant() })
      for (let n = 0; n < 10; n++) await file.append('x'.repeat(299), AbortSignal.timeout(10_000)).catch((error) => console.log(error.code))`
    // 2 blocks of 512 bytes: three lines of 300 fit, the fourth meets the limit in the middle.
    const output = execFileSync('sh', ['-c', 'ulimit -f 2; exec "$0" --input-type=module -e "$1"', process.execPath, script])
    expect(output.toString().trim().split('\n')).toEqual(Array.from({ length: 7 }, () => 'EFBIG'))
    expect(await readFile(path, 'utf8')).toBe(`${'x'.repeat(299)}\n`.repeat(3))
  })
})
