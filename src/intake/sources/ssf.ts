import { type SsfOptions, ssfOptions } from '../ssf/options.ts'
import { type OpenedSource, type SourcePull, sourceKind } from './source.ts'

const SILENT_MS = 3 * 86_400_000
/** How often a stream that pushes is looked after. */
const LOOK_MS = 60_000

/** Shared signals (SSF 1.0): pushed to `/ssf/v1/NAME` (`src/api/feeds/ssf.ts`), or polled. */
export const SSF = sourceKind({ schema: ssfOptions, silentAfterMs: SILENT_MS, open })

function open(options: SsfOptions): OpenedSource {
  const { delivery, stream, pollEvery } = options
  // It pushes, and somebody else looks after its stream.
  if (delivery === 'push' && stream === undefined) return {}
  let receiving: Promise<SourcePull['once']> | undefined
  return {
    pull: {
      everyMs: delivery === 'poll' ? pollEvery : LOOK_MS,
      once: async (context) => {
        receiving ??= import('../ssf/receive.ts').then(({ openReceive }) => openReceive(options))
        await (await receiving)(context)
      },
    },
  }
}
