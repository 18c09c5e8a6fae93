import { z } from 'zod'
import type { Found } from '../found/candidate.ts'
import { emailOf } from './email.ts'
import { type FindingSpot, found, malformed } from './finding.ts'

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')

const finding = z.object({
  DetectorName: z.string().min(1),
  Raw: text,
  RawV2: text,
  SecretParts: z.record(z.string(), z.string()).nullish(),
  ExtraData: z.record(z.string(), z.unknown()).nullish().catch(undefined),
  Verified: z.boolean().nullish(),
  VerificationError: z.string().nullish(),
  SourceMetadata: z.object({ Data: z.record(z.string(), z.unknown()).nullish() }).nullish(),
})

/** What the kinds of sources (`Git`, `Github`, `Filesystem` …) have in common; each names a file in its own way. */
const source = z.object({
  file: z.string().optional().catch(undefined),
  filename: z.string().optional().catch(undefined),
  path: z.string().optional().catch(undefined),
  link: z.string().optional().catch(undefined),
  line: z.int().positive().optional().catch(undefined),
  email: z.string().optional().catch(undefined),
})

/** True for a finding of TruffleHog 3 (`--json`, one object a line; pkg/output/json.go). */
export function isTrufflehog(value: object): boolean {
  return 'DetectorName' in value
}

export function readTrufflehog(value: unknown, spot: FindingSpot): Found[] {
  const parsed = finding.safeParse(value)
  if (!parsed.success) return [malformed(spot, parsed.error)]
  const { DetectorName, Raw, RawV2, SecretParts, ExtraData, Verified, VerificationError, SourceMetadata } = parsed.data
  const [first] = Object.values(SourceMetadata?.Data ?? {})
  const at = source.safeParse(first).data ?? {}
  const email = emailOf(at.email)
  return [
    found({
      ...spot,
      file: at.file ?? at.filename ?? at.path ?? withoutQuery(at.link) ?? '',
      ...(at.line === undefined ? {} : { line: at.line }),
      ...(email === undefined ? {} : { email }),
      detector: DetectorName,
      // Its connection strings are put together again out of decoded parts.
      bits: { raw: Raw, whole: RawV2, parts: SecretParts ?? {}, noted: textsOf(ExtraData ?? {}), decoded: true },
      // Unverified without a word of why may be untried as well.
      ...(Verified === true ? { claim: true } : Verified === false && (VerificationError ?? '') === '' ? { claim: false } : {}),
    }),
  ]
}

function textsOf(noted: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(noted).filter((each): each is [string, string] => typeof each[1] === 'string'))
}

/** A signed link opens what it leads to. */
function withoutQuery(link: string | undefined): string | undefined {
  return link === undefined || !URL.canParse(link) ? undefined : new URL(link).origin + new URL(link).pathname
}
