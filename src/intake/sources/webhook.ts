import { webhookOptions } from '../hr/hook-options.ts'
import { sourceKind } from './source.ts'

/** People join, move and leave every week; an HR system that says nothing for so long has forgotten the hook. */
const SILENT_MS = 14 * 86_400_000

/** An HR system that tells by webhooks, at `/hooks/NAME` (`src/api/feeds/webhook.ts`). */
export const WEBHOOK = sourceKind({ schema: webhookOptions, silentAfterMs: SILENT_MS })
