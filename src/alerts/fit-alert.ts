import type { Alert, AlertEvidence } from '../domain/alert.ts'
import type { Rendered } from './formats/rendered.ts'
import { cut } from './plain.ts'

/** How far an alert is cut: entries per list, UTF-16 units per text. Identifiers, instants and fingerprints are never cut. */
interface Limits {
  list: number
  text: number
}

/** Tried in turn until the rendering fits. The first leaves every alert alone that Revenant makes from ordinary names. */
const STEPS: readonly Limits[] = [
  { list: 32, text: 2_000 },
  { list: 16, text: 500 },
  { list: 8, text: 160 },
  { list: 3, text: 48 },
]

/**
 * Renders an alert within a size: as it is where that fits, else cut down step by step, so that a receiver gets a whole document
 * with shorter texts instead of half a document. What even the last step leaves too long (identifiers of kilobytes) is returned
 * as it is: the sink decides.
 *
 * @param maxBytes of the UTF-8 rendering
 * @param render given the alert and, where it was cut, the size in bytes that it would have had
 */
export function fitAlert(alert: Alert, maxBytes: number, render: (alert: Alert, uncutBytes?: number) => string): string {
  return shrink(alert, maxBytes, render, Buffer.byteLength)
}

/** As `fitAlert`, for a body with alternatives: together they stay within the size. */
export function fitRendered(alert: Alert, maxBytes: number, render: (alert: Alert) => Rendered): Rendered {
  return shrink(alert, maxBytes, render, ({ body, alternatives = [] }) =>
    [body, ...alternatives.map((alternative) => alternative.body)].reduce((sum, text) => sum + Buffer.byteLength(text), 0),
  )
}

function shrink<T>(
  alert: Alert,
  maxBytes: number,
  render: (alert: Alert, uncutBytes?: number) => T,
  bytesOf: (rendered: T) => number,
): T {
  const whole = render(alert)
  const uncutBytes = bytesOf(whole)
  if (uncutBytes <= maxBytes) return whole
  let last = whole
  for (const limits of STEPS) {
    last = render(shorten(alert, limits), uncutBytes)
    if (bytesOf(last) <= maxBytes) break
  }
  return last
}

/** Cuts texts and lists; identifiers stay whole. */
export function shorten(alert: Alert, limits: Limits): Alert {
  const text = (value: string) => cut(value, limits.text)
  const texts = (values: readonly string[]) => values.slice(0, limits.list).map(text)
  const { system, identity, credential, evidence } = alert
  return {
    ...alert,
    title: text(alert.title),
    summary: text(alert.summary),
    remediation: texts(alert.remediation),
    ...(system === undefined
      ? {}
      : {
          system: {
            ...system,
            name: text(system.name),
            probe: text(system.probe),
            origin: text(system.origin),
            zone: text(system.zone),
            ...(system.owner === undefined ? {} : { owner: text(system.owner) }),
            ...(system.runbook === undefined ? {} : { runbook: text(system.runbook) }),
          },
        }),
    ...(identity === undefined
      ? {}
      : {
          identity: {
            ...identity,
            externalId: text(identity.externalId),
            name: text(identity.name),
            ...(identity.email === undefined ? {} : { email: text(identity.email) }),
            ...(identity.owner === undefined ? {} : { owner: text(identity.owner) }),
          },
        }),
    ...(credential === undefined
      ? {}
      : {
          credential: {
            ...credential,
            label: text(credential.label),
            kind: text(credential.kind),
            ...(credential.principal === undefined ? {} : { principal: text(credential.principal) }),
          },
        }),
    ...(evidence === undefined ? {} : { evidence: shortenEvidence(evidence, limits) }),
    frameworks: Object.fromEntries(
      Object.entries(alert.frameworks)
        .slice(0, limits.list)
        .map(([name, controls]) => [text(name), texts(controls)]),
    ),
  }
}

function shortenEvidence(evidence: AlertEvidence, limits: Limits): AlertEvidence {
  const text = (value: string) => cut(value, limits.text)
  return {
    ...evidence,
    ...(evidence.principal === undefined ? {} : { principal: text(evidence.principal) }),
    wire: Object.fromEntries(
      Object.entries(evidence.wire)
        .slice(0, limits.list)
        .map(([name, value]) => [text(name), typeof value === 'string' ? text(value) : value]),
    ),
    controls: evidence.controls.slice(0, limits.list),
  }
}
