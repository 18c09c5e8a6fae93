import { createHash } from 'node:crypto'
import type { ReportDeps, ReportScope } from '../bundle/request.ts'

/** The version whose schema these documents are valid against. */
export const OSCAL_VERSION = '1.2.1'
/** Of our properties: OSCAL wants a URI. */
export const NAMESPACE = 'urn:revenant:ns:oscal'

/** Values that OSCAL's metaschema allows and its JSON Schema does not check. */
export const ALLOWED = {
  method: ['EXAMINE', 'INTERVIEW', 'TEST', 'UNKNOWN'],
  observationType: ['ssp-statement-issue', 'control-objective', 'mitigation', 'finding', 'historic', 'discovery'],
  actorType: ['tool', 'assessment-platform', 'party'],
  subjectType: ['component', 'inventory-item', 'location', 'party', 'user', 'resource'],
  targetType: ['statement-id', 'objective-id'],
  targetState: ['satisfied', 'not-satisfied'],
  targetReason: ['pass', 'fail', 'other'],
  riskStatus: ['open', 'investigating', 'remediating', 'deviation-requested', 'deviation-approved', 'closed'],
  lifecycle: ['recommendation', 'planned', 'completed'],
} as const

export type RiskStatus = (typeof ALLOWED.riskStatus)[number]

/** A namespace of our own for version 5 UUIDs. Never change it: documents of different days name the same thing by the same id. */
const UUID_SPACE = Buffer.from('9d4f3a61c0de4f0e8b1e52a6d1f7c39a', 'hex')

/** A version 5 UUID (RFC 9562 §5.5): the same name gives the same id. OSCAL takes no version 7. */
export function uuidOf(name: string): string {
  const bytes = createHash('sha1').update(UUID_SPACE).update(name).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** Text as OSCAL's strings must be: one line, no spaces at its ends, not empty. */
export function oneLine(text: string): string {
  const plain = text
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim()
  return plain === '' ? '-' : plain
}

/** An instant as OSCAL wants it. */
export function when(instant: Temporal.Instant): string {
  return instant.toString({ smallestUnit: 'millisecond' })
}

/** Which period and choice a document is about: part of every id of something that is only of that period. */
export function scopeKey({ from, to, framework, control, identity, system }: ReportScope): string {
  return [from, to, framework, control, identity?.id, system?.id].map((part) => String(part ?? '')).join('|')
}

export const TOOL = uuidOf('tool:revenant')

export function metadata(deps: ReportDeps, scope: ReportScope, title: string) {
  const now = deps.now()
  return {
    title: oneLine(`${title}, ${scope.from.toString()} to ${scope.to.toString()}`),
    'last-modified': when(now),
    version: when(now),
    'oscal-version': OSCAL_VERSION,
    roles: [{ id: 'assessor', title: 'Automated assessor' }],
  }
}

export function component({ product }: ReportDeps) {
  return {
    uuid: TOOL,
    type: 'software',
    title: product.name,
    description: 'Replays the credentials of those who have left and records which are still accepted.',
    props: [{ name: 'version', value: oneLine(product.version) }],
    status: { state: 'operational' },
  }
}

export const ORIGIN = [{ actors: [{ type: 'tool', 'actor-uuid': TOOL }] }] as const

/** A JSON array as it is generated; nothing at all, its name included, when there is no item: OSCAL allows no empty arrays. */
export async function* jsonArray(name: string, items: AsyncIterable<unknown> | Iterable<unknown>): AsyncGenerator<string> {
  let first = true
  for await (const item of items) {
    yield `${first ? `,${JSON.stringify(name)}:[` : ',\n'}${typeof item === 'string' ? item : JSON.stringify(item)}`
    first = false
  }
  if (!first) yield ']'
}
