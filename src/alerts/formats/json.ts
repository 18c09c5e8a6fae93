import type { Alert } from '../../domain/alert.ts'
import { fitAlert } from '../fit-alert.ts'
import { type Format, type FormatContext, MAX_BODY_BYTES } from './rendered.ts'

/** Raised when a field changes its meaning or goes; new fields do not raise it. */
export const JSON_VERSION = 1

/**
 * The native format, on one line: the payload of Standard Webhooks (`type`, `timestamp`, `data`) with the version and the sender.
 * Described by `docs/alert.schema.json` (see `document.ts`).
 */
export const json: Format = (alert, context) => ({
  contentType: 'application/json',
  body: fitAlert(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted, uncutBytes) => {
    return JSON.stringify(jsonDocument(fitted, context, uncutBytes !== undefined))
  }),
})

function jsonDocument(alert: Alert, { product, hostname }: FormatContext, truncated: boolean) {
  return {
    type: `revenant.finding.${alert.event}` as const,
    timestamp: alert.at,
    version: JSON_VERSION,
    source: { product: product.name, version: product.version, instance: product.instance, host: hostname },
    ...(truncated ? { truncated } : {}),
    data: alert,
  }
}
