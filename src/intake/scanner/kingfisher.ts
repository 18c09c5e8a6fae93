import { z } from 'zod'
import type { Found } from '../found/candidate.ts'
import { emailOf } from './email.ts'
import { type FindingSpot, found, malformed } from './finding.ts'

const person = z
  .object({ email: z.string().optional().catch(undefined) })
  .optional()
  .catch(undefined)

const record = z.object({
  rule: z.object({ id: z.string().min(1) }),
  finding: z.object({
    snippet: z.string(),
    line: z.int().optional(),
    path: z.string().default(''),
    validation: z.object({ status: z.string().optional() }).optional(),
    git_metadata: z
      .object({
        commit: z.object({ author: person, committer: person }).optional().catch(undefined),
        file: z.object({ path: z.string().optional() }).optional().catch(undefined),
      })
      .nullish(),
  }),
})

/** Versions up to mid-2025 wrap each record into its rule. */
const wrapped = z.object({ matches: z.array(z.unknown()) })

/** True for a record of Kingfisher (`--format json` or `jsonl`). */
export function isKingfisher(value: object): boolean {
  return ('rule' in value && 'finding' in value) || ('id' in value && 'matches' in value)
}

/** The findings of `--format json` since late 2025, which stand beside a map of what they reach; undefined for anything else. */
export function kingfisherFindings(value: object): readonly unknown[] | undefined {
  if ('findings' in value && Array.isArray(value.findings)) return value.findings
  return 'access_map' in value ? [] : undefined
}

/** Words of the scanner, noted only. */
const CLAIMS: Readonly<Record<string, boolean>> = { 'Active Credential': true, 'Inactive Credential': false }

export function readKingfisher(value: unknown, spot: FindingSpot): Found[] {
  const many = wrapped.safeParse(value)
  if (many.success) return many.data.matches.flatMap((each) => readRecord(each, spot))
  return readRecord(value, spot)
}

function readRecord(value: unknown, spot: FindingSpot): Found[] {
  const parsed = record.safeParse(value)
  if (!parsed.success) return [malformed(spot, parsed.error)]
  const { rule, finding } = parsed.data
  const { commit, file } = finding.git_metadata ?? {}
  const email = emailOf(commit?.author?.email ?? commit?.committer?.email)
  const claim = finding.validation?.status === undefined ? undefined : CLAIMS[finding.validation.status]
  return [
    found({
      ...spot,
      file: file?.path ?? finding.path,
      ...(finding.line === undefined || finding.line < 1 ? {} : { line: finding.line }),
      ...(email === undefined ? {} : { email }),
      detector: rule.id,
      bits: { raw: finding.snippet, whole: '', parts: {}, decoded: false },
      ...(claim === undefined ? {} : { claim }),
    }),
  ]
}
