import { isIP } from 'node:net'
import type { AlertEvidence, AlertSystem } from '../../domain/alert.ts'

/** Where a system is asked, as far as its origin says. */
export interface Address {
  hostname?: string
  ip?: string
  port?: number
}

/** Host and port of the first origin; nothing where it is no address. */
export function addressOf({ origin }: Pick<AlertSystem, 'origin'>): Address {
  const url = URL.parse(origin.split(' ')[0] ?? '')
  if (url === null || url.hostname === '') return {}
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return { ...(isIP(host) === 0 ? { hostname: host } : { ip: host }), ...(url.port === '' ? {} : { port: Number(url.port) }) }
}

/** A status of the wire is an HTTP status only where the system is asked over HTTP. */
export function httpStatusOf(of: { system?: AlertSystem | undefined; evidence?: AlertEvidence | undefined }): number | undefined {
  const status = /^https?:/.test(of.system?.origin ?? '') ? of.evidence?.wire.status : undefined
  return typeof status === 'number' && Number.isInteger(status) ? status : undefined
}
