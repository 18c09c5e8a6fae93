import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { z } from 'zod'
import { type RunningDaemon, until } from '../servers/revenant.ts'
import type { Note, Receivers } from './receivers.ts'
import type { Run } from './run.ts'

/** Every command; ID and FINDING are filled in. `--json` is added on PGlite: what is printed depends on no database. */
const COMMANDS: readonly string[] = [
  'identities list',
  'credentials list',
  'credentials list --system bearer',
  'findings list --all',
  'findings show FINDING',
  'findings acknowledge FINDING --note seen',
  'findings exempt FINDING --owner dba --reason cut-over --until 2099-01-01T00:00:00Z',
  'alerts list',
  'alerts list --dead',
  'alerts redrive --all',
  'alerts test echo',
  'alerts test down',
  'alerts test nats-token',
  'alerts test splunk',
  'alerts test mail',
  'alerts test amqp',
  'alerts preview --finding FINDING --format mail --group',
  'findings resolve FINDING --note moved',
  'systems list',
  'systems rebind bearer',
  'pause cookie --note why',
  'resume cookie',
  'keys list',
  'keys recipient',
  'keys rotate',
  'doctor',
  'config check',
  'scan --once',
  'identities terminate leaver-1',
  'identities reinstate leaver-1',
  'credentials retire ID',
]

export async function everyCommand(run: Run, json: '' | ' --json'): Promise<void> {
  const first = async (line: string) =>
    z.object({ id: z.string() }).parse(JSON.parse((await run(line)).stdout.split('\n')[0] ?? '')).id
  const finding = await first('findings list --json')
  const credential = await first('credentials list --json --limit 1')
  for (const line of COMMANDS) {
    const filled = line.replace('FINDING', finding).replace('ID', credential)
    const { exit, stderr } = await run(`${filled}${json}`)
    // 2 where there is nothing to be done; never our own fault.
    expect([line, exit === 1 && !/^doctor|^alerts test/.test(line) ? stderr : 'done']).toEqual([line, 'done'])
  }
}

export async function ask(daemon: RunningDaemon, note: Note, when: string): Promise<void> {
  for (const page of ['/healthz', '/readyz', '/metrics', '/nowhere']) {
    const answer = await fetch(`${daemon.address}${page}`)
    note(`${page} ${when}`, `${JSON.stringify([...answer.headers])}${await answer.text()}`)
  }
}

/** Waits until every receiver has something, or has done all that it may do; what is missing is told with the verdicts. */
export async function delivered(receivers: Receivers, everyTurn: boolean, verdicts: () => Promise<string>): Promise<void> {
  const explained = async (error: unknown) => {
    throw new Error(`${String(error)}\n${await verdicts()}`)
  }
  await until(receivers.delivered, (all) => all.every((each) => each > 0)).catch(explained)
  const missing = everyTurn ? receivers.left : receivers.silent
  await until(missing, (names) => names.length === 0, 120_000).catch(explained)
}

const listed = z.object({ id: z.string(), system: z.string(), verdict: z.string().nullable() })

/** Waits until every credential has been judged, and says which systems accepted one. */
export async function judged(run: Run, count: number): Promise<[string, boolean][]> {
  const rows = await until(
    async () => {
      // Each look is a process.
      await sleep(1_500)
      const { stdout } = await run('credentials list --limit 1000 --json')
      return stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => listed.parse(JSON.parse(line)))
    },
    (all) => all.length === count && all.every(({ verdict }) => verdict !== null),
    90_000,
  )
  return rows.map(({ system }) => [system, rows.some((row) => row.system === system && row.verdict === 'accepted')])
}
