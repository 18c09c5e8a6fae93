import { hrisOptions } from '../hr/pull-options.ts'
import { takePull } from '../hr/take-pull.ts'
import { sourceKind } from './source.ts'

/** It is read four times an hour: a day without an answer is a fault of theirs or of the credential. */
const SILENT_MS = 86_400_000

/** A report of an HR system that is read by the clock, such as Workday's: it tells nobody by itself. */
export const HRIS = sourceKind({
  schema: hrisOptions,
  silentAfterMs: SILENT_MS,
  open: (options) => ({ pull: { everyMs: options.every, once: (context) => takePull(options, context) } }),
})
