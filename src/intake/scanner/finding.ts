import type { z } from 'zod'
import { type Aside, aside, candidate, type Found } from '../found/candidate.ts'
import type { Bits } from './bits.ts'
import { readFinding } from './families.ts'

/** Which finding of which report this is. */
export interface FindingSpot {
  entry: number
}

/** A finding in the common words of the three scanners. */
export interface ScannerFinding extends FindingSpot {
  file: string
  line?: number
  email?: string
  detector: string
  bits: Bits
  claim?: boolean
}

/** A candidate out of a finding, or why it is none. */
export function found({ bits, ...rest }: ScannerFinding): Found {
  // TruffleHog's detectors of several parts can have an empty first one.
  const secrets = [bits.raw, bits.whole, ...Object.values(bits.parts)].filter((text) => text !== '')
  if (secrets.length === 0) return aside(withoutSecret(rest, []), 'altered', 'the report does not hold the secret itself')
  const reading = readFinding(rest.detector, bits)
  if ('reason' in reading) return aside(withoutSecret(rest, secrets), reading.reason, reading.why)
  return candidate({ ...rest, kinds: reading.kinds, place: reading.place, parts: reading.parts })
}

function withoutSecret<Told extends { file: string; detector: string; email?: string }>(
  told: Told,
  secrets: readonly string[],
): Told {
  const clean = (text: string) => (secrets.some((secret) => secret.length >= 4 && text.includes(secret)) ? '' : text)
  return { ...told, file: clean(told.file), detector: clean(told.detector) }
}

/** Fields by the scanners' own names: a key of the report itself may be anything. */
const FIELDS: ReadonlySet<string> = new Set([
  ...['DetectorName', 'Raw', 'RawV2', 'SecretParts', 'Verified', 'VerificationError', 'SourceMetadata', 'Data'],
  ...['RuleID', 'Secret', 'File', 'StartLine', 'Email'],
  ...['rule', 'id', 'finding', 'snippet', 'line', 'path', 'validation', 'status', 'git_metadata', 'matches'],
])

/** A finding that is not as its scanner writes it. The schema's own names are told, and nothing of the report. */
export function malformed(spot: FindingSpot, { issues }: z.ZodError): Aside {
  const names = issues.map(({ path }) => path.filter((part) => typeof part === 'string' && FIELDS.has(part)).join('.'))
  const fields = [...new Set(names)].filter((name) => name !== '')
  const why = `is no finding as its scanner writes it${fields.length === 0 ? '' : `: check ${fields.join(', ')}`}`
  return aside({ ...spot, file: '', detector: '' }, 'unreadable', why)
}
