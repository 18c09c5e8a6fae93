import { z } from 'zod'
import type { Found } from '../found/candidate.ts'
import { emailOf } from './email.ts'
import { type FindingSpot, found, malformed } from './finding.ts'

const finding = z.object({
  RuleID: z.string().min(1),
  Secret: z.string(),
  File: z.string().default(''),
  StartLine: z.int().optional(),
  Email: z.string().optional(),
})

/** True for a finding of gitleaks 8 (`--report-format json`, one array; report/finding.go). */
export function isGitleaks(value: object): boolean {
  return 'RuleID' in value && 'Secret' in value
}

export function readGitleaks(value: unknown, spot: FindingSpot): Found[] {
  const parsed = finding.safeParse(value)
  if (!parsed.success) return [malformed(spot, parsed.error)]
  const { RuleID, Secret, File, StartLine, Email } = parsed.data
  const email = emailOf(Email)
  return [
    found({
      ...spot,
      file: File,
      ...(StartLine === undefined || StartLine < 1 ? {} : { line: StartLine }),
      ...(email === undefined ? {} : { email }),
      detector: RuleID,
      bits: { raw: Secret, whole: '', parts: {}, decoded: false },
    }),
  ]
}
