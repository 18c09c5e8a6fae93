import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { reachable } from '../../src/lab/own.ts'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
const script = fileURLToPath(new URL('run-lab.ts', import.meta.url))
const proc = existsSync('/proc/self/stat')

const USERS = [
  { user: isRoot ? 'root' : 'the user of this test', spawnAs: {}, possible: true },
  // As another user only root can start something, and only where that user may read this checkout.
  {
    user: 'nobody',
    spawnAs: { uid: NOBODY, gid: NOBODY },
    possible: isRoot && reachable(process.execPath) && reachable(dirname(script)),
  },
]

const ENDINGS = [
  { ending: 'stop()', how: 'stop', signal: 'SIGTERM' },
  { ending: 'process.exit() without stop()', how: 'exit', signal: 'SIGTERM' },
  { ending: 'kill -9', how: 'exit', signal: 'SIGKILL' },
] as const

let root: string
let child: ChildProcess | undefined

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'revenant-leaving-'))
  // Where every user may make a folder of their own, as in /tmp.
  chmodSync(root, 0o1777)
})

afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

for (const { user, spawnAs, possible } of USERS) {
  const name = possible ? `a lab of ${user}` : `a lab of ${user} (skipped: this test cannot start a process as that user)`
  describe.skipIf(!possible || !proc)(name, () => {
    it.each(ENDINGS)('leaves nothing after $ending', async ({ how, signal }) => {
      const { lab, said } = await startElsewhere(spawnAs, how)
      expect(said.missing).toEqual([])
      expect(said.uid).toBe('uid' in spawnAs ? spawnAs.uid : process.getuid?.())
      const started = descendants(lab.pid ?? 0)
      // The guard, the postmaster and its helpers.
      expect(started.length).toBeGreaterThan(4)
      expect(started.filter((pid) => uidOf(pid) === 0 && commandOf(pid).includes('postgres'))).toEqual([])
      lab.kill(signal)
      await once(lab, 'exit')
      for (let waited = 0; waited < 5_000 && (started.some(isAlive) || readdirSync(root).length > 0); waited += 50)
        await sleep(50)
      expect(started.filter(isAlive).map(commandOf)).toEqual([])
      expect(readdirSync(root)).toEqual([])
    })
  })
}

it.skipIf(!proc)('leaves nothing after kill -9 while Postgres is still being set up', async () => {
  child = spawn(process.execPath, [script, join(root, 'lab'), 'exit'], { env: { ...process.env, TMPDIR: root }, stdio: 'ignore' })
  let started: number[] = []
  for (let waited = 0; waited < 10_000 && !started.some((pid) => commandOf(pid).includes('initdb')); waited += 10) {
    await sleep(10)
    started = descendants(child.pid ?? 0)
  }
  expect(started.some((pid) => commandOf(pid).includes('initdb'))).toBe(true)
  child.kill('SIGKILL')
  for (let waited = 0; waited < 5_000 && (started.some(isAlive) || readdirSync(root).length > 0); waited += 50) await sleep(50)
  expect(started.filter(isAlive).map(commandOf)).toEqual([])
  expect(readdirSync(root)).toEqual([])
})

const saying = z.object({ uid: z.number(), missing: z.array(z.unknown()), systems: z.array(z.unknown()).length(6) })

async function startElsewhere(spawnAs: { uid?: number; gid?: number }, how: string) {
  const env = { ...process.env, TMPDIR: root, HOME: root }
  const lab = spawn(process.execPath, [script, join(root, 'lab'), how], { ...spawnAs, env, stdio: ['ignore', 'pipe', 'inherit'] })
  child = lab
  for await (const line of createInterface({ input: lab.stdout })) return { lab, said: saying.parse(JSON.parse(line)) }
  throw new Error('the lab did not start')
}

/** proc(5): the name of a process stands in parentheses and may hold anything. */
function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = '', parent = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state, parent: Number(parent) }
  } catch {
    return undefined
  }
}

function descendants(pid: number): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  const parents = new Map(pids.map((each) => [each, statOf(each)?.parent]))
  const of = (parent: number): number[] =>
    pids.filter((each) => parents.get(each) === parent).flatMap((each) => [each, ...of(each)])
  return of(pid)
}

function isAlive(pid: number): boolean {
  const stat = statOf(pid)
  // A zombie is over; who adopted it has not looked yet.
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X'
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

function uidOf(pid: number): number | undefined {
  try {
    return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return undefined
  }
}
