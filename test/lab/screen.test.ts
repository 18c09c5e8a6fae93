import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify, stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const file = fileURLToPath(new URL('run-screen.ts', import.meta.url))
const script = '/usr/bin/script'
// util-linux's `script` is what gives a command a terminal here.
const terminal = existsSync(script) && process.platform === 'linux'

const LEAVE = '\x1b[?25h\x1b[?1049l'

async function onTerminal(how: string, env: Record<string, string> = {}): Promise<string> {
  const command = `stty cols 80 rows 24; '${process.execPath}' '${file}' ${how} 2>/dev/null; true`
  const { stdout } = await run(script, ['-qec', command, '/dev/null'], {
    env: { PATH: process.env.PATH ?? '', TERM: 'xterm-256color', LANG: 'C.UTF-8', ...env },
  })
  return stdout
}

describe.skipIf(!terminal)(terminal ? 'on a terminal' : 'on a terminal (skipped: no script of util-linux)', () => {
  it('redraws in place, and leaves the last view on the terminal', async () => {
    const out = await onTerminal('close')
    expect(out.startsWith('\x1b[?1049h\x1b[?25l')).toBe(true)
    expect(out.split('\x1b[?2026h').length).toBe(3)
    const [, after = ''] = out.split(LEAVE)
    const kept = stripVTControlCharacters(after)
    expect(kept).toContain(' ✗ CRITICAL Maya Lindqvist')
    expect(kept).toContain('7 STILL OPEN')
    expect(kept).not.toContain('demo revoke')
  })

  it('gives the terminal back after a crash', async () => {
    const out = await onTerminal('crash')
    expect(out.endsWith(LEAVE)).toBe(true)
  })

  it.each([
    ['colours', {}, true],
    ['NO_COLOR', { NO_COLOR: '1' }, false],
  ])('follows the environment: %s', async (_, env, coloured) => {
    expect((await onTerminal('close', env)).includes('\x1b[31m')).toBe(coloured)
  })

  it('does without redrawing on a dumb terminal', async () => {
    const out = await onTerminal('close', { TERM: 'dumb', NO_COLOR: '1' })
    expect(out).toContain('STILL OPEN  CRITICAL')
    expect(out).not.toContain('\x1b')
  })
})

it('is a plain log in a pipe', async () => {
  const { stdout } = await run(process.execPath, [file], { env: { TERM: 'xterm-256color', LANG: 'C.UTF-8', FORCE_COLOR: '' } })
  expect(stdout).toContain(
    'STILL OPEN  CRITICAL: nightly-backup (service) gets into payroll-db, backup login (gone 12 d): as nightly_backup; decoy refused\n',
  )
  expect(stdout).not.toContain('\x1b')
})
