import { setTimeout as sleep } from 'node:timers/promises'
import type { Runtime } from '../daemon/runtime.ts'
import { remind } from '../scan/plan.ts'
import { type Coverage, coverage } from '../store/coverage.ts'
import { type Backlog, backlog, countPendingBefore } from '../store/delivery.ts'
import { countDue } from '../store/due.ts'
import { type FindingListing, listFindings } from '../store/finding.ts'
import { type CommandContext, withRuntime } from './context.ts'
import { counted, EXIT, json, line, style } from './io.ts'
import { ago, table } from './table.ts'

const POLL_MS = 100
const IDLE_ROUNDS = 3

/** For how long a sweep waits for receivers. Inside a daemon, whose workers go on, it does not. */
const WAIT_MS = 30_000

/**
 * `revenant scan --once`: sweeps everything that is due, waits until the alerts are delivered, then says how things stand.
 * Exit 0: nothing open. 3: residual access. 4: none seen, but something could not be verified.
 */
export async function scan(context: CommandContext, options: { json: boolean; wait?: number }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    await sweep(context, runtime)
    // A daemon reminds by its clock.
    if (context.runtime === undefined) await remind(runtime.planDeps)
    await deliveries(context, runtime, options.wait ?? (context.runtime === undefined ? WAIT_MS : 0))
    const now = runtime.now()
    const open = await listFindings(runtime.store.db, { state: 'unresolved', limit: 1_000 })
    const covered = await coverage(runtime.store.db)
    const waiting = (await backlog(runtime.store.db)).filter(({ pending }) => pending > 0)
    const exit = exitOf(open, covered)
    if (options.json)
      json(context.io, {
        at: now.toString(),
        exit,
        coverage: covered,
        alerts: { pending: pendingOf(waiting), sinks: waiting.map(({ sink, pending }) => ({ sink, pending })) },
        findings: open.map((finding) => ({
          ...finding,
          opened_at: finding.opened_at.toString(),
          last_seen_at: finding.last_seen_at.toString(),
          resolved_at: null,
        })),
      })
    else print(context, open, covered, waiting, now)
    return exit
  })
}

async function sweep(context: CommandContext, runtime: Runtime): Promise<void> {
  const startedAt = runtime.now()
  let before = Number.POSITIVE_INFINITY
  let idle = 0
  // Inside a daemon the workers are there already.
  if (context.runtime === undefined) await runtime.work()
  for (;;) {
    context.io.signal.throwIfAborted()
    await runtime.tick()
    let pending = 0
    for (const zone of runtime.config.zones) pending += await runtime.jobs.pendingTrials(zone)
    if (pending === 0) {
      // What was due when the sweep began and still is cannot be tried now: held, paused or outside its window.
      const due = await countDue(runtime.store.db, startedAt)
      // Trials that leave everything as it was have failed: their systems must not be asked the same again and again.
      idle = due < before ? 0 : idle + 1
      before = due
      if (due === 0 || idle === IDLE_ROUNDS || (await runtime.tick()) === 0) return
    }
    await sleep(POLL_MS, undefined, { signal: context.io.signal })
  }
}

/**
 * Waits until nothing is left that a receiver could still be told within so many milliseconds. What is put off for longer, to the end
 * of quiet hours or because the receiver has failed too often, is not waited for.
 */
async function deliveries(context: CommandContext, runtime: Runtime, waitMs: number): Promise<void> {
  const until = runtime.now().add({ milliseconds: waitMs })
  const sinks = runtime.sinks.routes().map(({ name }) => name)
  while (Temporal.Instant.compare(runtime.now(), until) < 0) {
    context.io.signal.throwIfAborted()
    if ((await countPendingBefore(runtime.store.db, sinks, until)) === 0) return
    await sleep(POLL_MS, undefined, { signal: context.io.signal })
  }
}

const ACCESS: ReadonlySet<string> = new Set([
  'residual_access',
  'resurrected_access',
  'shared_secret_not_rotated',
  'handover_overdue',
  'principal_mismatch',
  'open_system',
  'any_secret_accepted',
])

function exitOf(open: readonly FindingListing[], covered: Coverage): number {
  if (covered.open > 0 || open.some((finding) => ACCESS.has(finding.kind))) return EXIT.found
  return open.length > 0 || covered.unverified > 0 ? EXIT.unverified : EXIT.ok
}

function print(
  context: CommandContext,
  open: readonly FindingListing[],
  covered: Coverage,
  waiting: readonly Backlog[],
  now: Temporal.Instant,
): void {
  const { io } = context
  line(
    io,
    `${counted(covered.credentials, 'credential')} of terminated identities: ${covered.open} still accepted, ${covered.closed} proven closed, ${covered.unverified} not verified`,
  )
  if (open.length > 0) {
    line(io)
    io.out(
      table(
        io,
        ['SEVERITY', 'FINDING', 'WHO', 'WHERE', 'CREDENTIAL', 'SINCE'],
        open.map((finding) => [
          finding.severity,
          finding.kind,
          finding.identity ?? '-',
          finding.system ?? '-',
          finding.credential ?? '-',
          ago(now, finding.opened_at),
        ]),
      ),
    )
  }
  if (covered.reasons.length > 0) {
    line(io)
    line(io, 'Not verified, and why:')
    for (const { reason, system, count } of covered.reasons) line(io, `  ${system}: ${reason ?? 'not tried yet'} (${count})`)
  }
  if (waiting.length > 0) {
    line(io)
    line(io, waitingWord(context, waiting))
  }
  line(io)
  line(io, lastWord(io, open.length, covered))
}

function pendingOf(waiting: readonly Backlog[]): number {
  return waiting.reduce((sum, { pending }) => sum + pending, 0)
}

function waitingWord({ runtime }: CommandContext, waiting: readonly Backlog[]): string {
  const where = waiting.map(({ sink, pending }) => `${sink} (${pending})`).join(', ')
  const next = runtime === undefined ? 'the daemon, or the next sweep, sends them' : 'the daemon goes on sending them'
  return `${counted(pendingOf(waiting), 'alert is', 'alerts are')} still pending: ${where}; ${next}.`
}

function lastWord(io: CommandContext['io'], open: number, covered: Coverage): string {
  if (open > 0 || covered.open > 0 || covered.unverified > 0) return 'Next: revenant findings list'
  if (covered.credentials === 0) return 'Nothing was tried: no credential of anybody who left is known.'
  return style(io, 'green', 'Nobody who left is still let in.')
}
