import { ssfOptions } from '../ssf/options.ts'
import { openReceive } from '../ssf/receive.ts'
import { sourceKind } from './source.ts'

const SILENT_MS = 3 * 86_400_000

/** Shared signals (SSF 1.0): pushed to `/ssf/v1/NAME` (`src/api/feeds/ssf.ts`), or polled. */
export const SSF = sourceKind({
  schema: ssfOptions,
  silentAfterMs: SILENT_MS,
  open: (options) => {
    const pull = openReceive(options)
    return pull === undefined ? {} : { pull }
  },
})
