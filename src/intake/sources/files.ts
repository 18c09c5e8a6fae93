import { filesOptions } from '../drop/options.ts'
import { takeDrop } from '../drop/take-drop.ts'
import { sourceKind } from './source.ts'

/** An export comes once a day: two that fail to come are noticed. */
const SILENT_MS = 2 * 86_400_000

/** A folder into which an HR system or a script drops lists of people, in the format of `revenant import identities`. */
export const FILES = sourceKind({
  schema: filesOptions,
  silentAfterMs: SILENT_MS,
  open: (options) => ({ pull: { everyMs: options.every, once: (context) => takeDrop(options, context) } }),
})
