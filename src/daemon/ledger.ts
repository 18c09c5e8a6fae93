import { makeLedgerKey, readLedgerKeys } from '../custody/ledger-keys.ts'
import { anchorNewest } from '../evidence/anchors/run.ts'
import { graceOf, recordGaps, SILENT_MS } from '../evidence/gaps.ts'
import { openSequencer, type Sequencer } from '../evidence/sequencer.ts'
import { type LedgerSigners, openSigners, type SignersOptions, takeUpKey } from '../evidence/signers.ts'
import { TRANSPORT_REASONS } from '../scan/breaker.ts'
import { beat, dropOldBeats, lastBeat } from '../store/heartbeat.ts'
import { thinCheckpoints } from '../store/ledger-read.ts'
import type { Runtime } from './runtime.ts'

/** What fails now fails two seconds later as well, and would be logged each time. */
const REST_MS = 30_000

type LedgerRuntime = Pick<Runtime, 'config' | 'instance' | 'now' | 'store'> & Partial<Pick<Runtime, 'secrets'>>

/** How long every checkpoint stays; of older ones the last of each hour does. */
const KEEP_CHECKPOINTS_DAYS = 30

/** The one writer of this database's log; a command may be it as well as the daemon. */
export function sequencerOf(runtime: LedgerRuntime): Sequencer {
  return openSequencer({
    db: runtime.store.db,
    openSigners: () => openSigners(signersOptions(runtime)),
    now: runtime.now,
  })
}

/** Makes a new key for the checkpoints, has the log take it up, and signs the checkpoint that says so with the old and the new one. */
export async function rotateLedgerKey(runtime: LedgerRuntime): Promise<LedgerSigners> {
  const sequencer = sequencerOf(runtime)
  await makeLedgerKey(keysOptions(runtime), { unlessAny: false })
  const signers = await takeUpKey(signersOptions(runtime))
  await sequencer.run()
  return signers
}

function signersOptions(runtime: LedgerRuntime): SignersOptions {
  const options = keysOptions(runtime)
  return {
    db: runtime.store.db,
    origin: runtime.config.ledger.origin,
    instance: runtime.instance,
    readKeys: async () => (await readLedgerKeys(options)).map(({ key }) => key),
    makeKey: async () => (await makeLedgerKey(options, { unlessAny: true })).map(({ key }) => key),
    now: runtime.now,
  }
}

function keysOptions({ store, config, now, secrets }: LedgerRuntime) {
  const options = { db: store.db, keyRingPath: config.keyRing, clock: now }
  return secrets === undefined ? options : { ...options, wraps: secrets.wraps }
}

/**
 * Has the newest checkpoint anchored by those who are due.
 *
 * @param everyMs how long an anchor has waited at least; left out: as configured
 */
export async function anchorNow(
  runtime: Runtime,
  sequencer: Sequencer,
  signal: AbortSignal,
  everyMs = runtime.config.ledger.anchorEveryMs,
): Promise<number> {
  const { anchors } = runtime.config.ledger
  if (anchors.length === 0) return 0
  const deps = {
    db: runtime.store.db,
    anchors,
    everyMs,
    keys: async () => (await sequencer.signers()).keys,
    resolve: runtime.secrets.read,
    now: runtime.now,
    failed: (anchor: string, error: Error) =>
      runtime.telemetry.logger.warn({ anchor, err: error }, 'a checkpoint was not anchored'),
  }
  return anchorNewest(deps, signal)
}

/** What the daemon does for the ledger, and when. */
export interface LedgerWork {
  /** Every few seconds: appends what waits. */
  sequence(): Promise<void>
  /** Every minute: says that this replica lives, and writes down what was due and not tried. */
  minute(): Promise<void>
  /** Every minute, apart from the others: who is asked may take his time. */
  anchor(): Promise<void>
  /** Every day. */
  daily(): Promise<void>
  /** Breaks off what waits for others. */
  stop(): void
}

/**
 * Begins the ledger's work: opens its keys and logs the time in which no replica lived.
 * Throws as `openSigners` does: a daemon that cannot sign what it finds does not start.
 */
export async function startLedger(runtime: Runtime): Promise<LedgerWork> {
  const { db } = runtime.store
  const sequencer = sequencerOf(runtime)
  await sequencer.signers()
  const stopping = new AbortController()
  let restUntil = 0
  const startedAt = runtime.now()
  const zones = runtime.config.zones
  const gaps = { db, now: runtime.now, graceMs: graceOf(runtime.config.scan), failures: [...TRANSPORT_REASONS] }
  const live = () => beat(db, { instance: runtime.instance, zones, startedAt, at: runtime.now() })
  const last = await lastBeat(db)
  const isDown = last !== undefined && startedAt.epochMilliseconds - last.epochMilliseconds > SILENT_MS
  await live()
  if (isDown) await recordGaps(gaps, last)
  return {
    sequence: async () => {
      if (performance.now() < restUntil) return
      await sequencer.run(stopping.signal).catch((error: unknown) => {
        restUntil = performance.now() + REST_MS
        throw error
      })
    },
    minute: async () => {
      await live()
      await recordGaps(gaps)
    },
    anchor: async () => {
      await anchorNow(runtime, sequencer, stopping.signal)
    },
    stop: () => stopping.abort(new Error('the process stops')),
    daily: async () => {
      await thinCheckpoints(db, runtime.now().subtract({ hours: 24 * KEEP_CHECKPOINTS_DAYS }))
      await dropOldBeats(db, runtime.now().subtract({ hours: 24 * KEEP_CHECKPOINTS_DAYS }))
    },
  }
}
