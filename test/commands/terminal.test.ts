import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { documents, importTokens, lines, openTokenHouse, type TokenHouse } from './house.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const ESCAPE = '\u001b'

/** What a command does to its terminal, its pipes and when it is interrupted. */
describe('output and interruption', { timeout: 120_000 }, () => {
  let house: TokenHouse
  beforeAll(async () => {
    house = await openTokenHouse()
    house.write(
      'many.jsonl',
      lines(Array.from({ length: 3_000 }, (_, n) => ({ external_id: `person-${n}`, name: `Name of person ${n}` }))),
    )
    await importTokens(house, { anna: 'token-of-anna' })
    expect(await house.run(['import', 'identities', 'many.jsonl'])).toMatchObject({ exit: 0 })
  })
  afterAll(() => house.stop())

  it.each([[['--help']], [['doctor']], [['identities', 'list']], [['scan', '--once']], [['systems', 'list']]])(
    '%j writes no escape codes into a pipe',
    async (args) => {
      const ran = await house.run(args, { env: { FORCE_COLOR: '', TERM: 'xterm-256color', COLORTERM: 'truecolor' } })
      expect(ran.stdout.length).toBeGreaterThan(0)
      expect(`${ran.stdout}${ran.stderr}`).not.toContain(ESCAPE)
    },
  )

  it.each([
    ['a terminal', {}, true],
    ['a terminal with NO_COLOR', { NO_COLOR: '1' }, false],
  ])('%s', async (_name, env, colours) => {
    // script(1) gives the program a terminal of its own.
    const words = [process.execPath, MAIN, '-c', house.path('revenant.yaml'), 'doctor'].map((word) => `'${word}'`).join(' ')
    const child = spawn('script', ['-qec', words, '/dev/null'], {
      cwd: house.folder,
      env: { PATH: process.env.PATH ?? '', HOME: house.folder, TERM: 'xterm-256color', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    await once(child, 'close')
    expect(said).toContain('database')
    expect(said.includes(`${ESCAPE}[3`)).toBe(colours)
  })

  it('ends quietly when its reader has gone', async () => {
    const command = `"$NODE" "$MAIN" -c revenant.yaml identities list --limit 100000 --json 2>stderr.txt | head -n 1; echo "\${PIPESTATUS[0]}"; cat stderr.txt`
    const child = spawn('bash', ['-c', command], {
      cwd: house.folder,
      env: { PATH: process.env.PATH ?? '', NODE: process.execPath, MAIN },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    await once(child, 'close')
    const [row, status, ...rest] = said.split('\n')
    expect(JSON.parse(row ?? '')).toHaveProperty('external_id')
    expect([status, rest]).toEqual(['0', ['']])
  })

  it('an import that is interrupted keeps whole batches, says so, and goes on when it is run again', async () => {
    const rows = lines(Array.from({ length: 60_000 }, (_, n) => ({ external_id: `crowd-${n}`, name: 'x'.repeat(200) })))
    house.write('crowd.jsonl', rows)
    const started = house.start(['import', 'identities', 'crowd.jsonl', '--json'])
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    started.child.kill('SIGINT')
    const ended = await started.ended
    expect(ended.signal).toBe(null)
    // On a fast machine it may be through already.
    const report = documents(ended)[0]
    if (report === undefined) {
      expect(ended.exit).toBe(1)
      return
    }
    expect(report.stopped === true ? Number(report.created) % 500 : 0).toBe(0)
    expect(ended.exit).toBe(report.stopped === true ? 1 : 0)
  })

  it('a scan that is interrupted ends within its trial, without a trace on the error stream', async () => {
    house.api.delayMs = 3_000
    await house.run(['identities', 'reinstate', 'anna'])
    await house.run(['identities', 'terminate', 'anna'])
    const before = house.api.requests.length
    const started = house.start(['scan', '--once'])
    while (house.api.requests.length === before) await new Promise((resolve) => setTimeout(resolve, 20))
    started.child.kill('SIGINT')
    const ended = await started.ended
    house.api.delayMs = 0
    expect(ended).toMatchObject({ exit: 1, signal: null, stdout: '' })
    expect(ended.stderr).toBe('revenant: stopped\n')
    expect((await house.run(['scan', '--once'])).exit).toBe(0)
  })
})
