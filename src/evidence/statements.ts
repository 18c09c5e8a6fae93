import type { Fact } from '../domain/leaf.ts'
import type { Queryable } from '../store/db.ts'
import {
  exemptions,
  gaps,
  leavers,
  openItems,
  operators,
  revocation,
  type StatementPage,
  type StatementScope,
  unverified,
} from '../store/evidence-statements.ts'

export interface Statement {
  /** What it answers, for a reader. */
  title: string
  page: StatementPage
  columns: readonly string[]
}

/** The statements that an auditor asks for, by name. Columns are in the order in which they are shown. */
export const STATEMENTS = {
  leavers: {
    title: 'Everybody who left in the period, and when each path was proven closed',
    page: leavers,
    columns: [
      'external_id',
      'name',
      'kind',
      'left_at',
      'system',
      'tier',
      'credential',
      'principal',
      'privilege',
      'state',
      'closed_at',
      'first_refused_at',
      'took_ms',
      'allowed_ms',
      'in_time',
      'last_verdict',
      'last_reason',
      'assurance',
      'last_checked_at',
      'retired_at',
      'retired_reason',
    ],
  },
  revocation: {
    title: 'Time to revoke against policy, by system, for those who left in the period',
    page: revocation,
    columns: [
      'system',
      'tier',
      'allowed_ms',
      'credentials',
      'in_time',
      'late',
      'still_open',
      'not_proven',
      'retired',
      'median_ms',
      'p95_ms',
      'max_ms',
    ],
  },
  unverified: {
    title: 'What is not proven of those who had left by the end of the period, and why',
    page: unverified,
    columns: [
      'external_id',
      'name',
      'kind',
      'left_at',
      'system',
      'tier',
      'credential',
      'state',
      'why',
      'deadline',
      'last_proof_at',
      'last_checked_at',
      'attempts',
      'failures',
    ],
  },
  gaps: {
    title: 'When something was due and was not tried, and why',
    page: gaps,
    columns: ['id', 'system', 'reason', 'from_at', 'to_at', 'last_seen_at', 'credentials'],
  },
  exemptions: {
    title: 'Exemptions in force in the period, who answers for them and who entered them',
    page: exemptions,
    columns: [
      'id',
      'finding_kind',
      'external_id',
      'name',
      'system',
      'credential',
      'owner',
      'signed_by',
      'signed_at',
      'reason',
      'starts_at',
      'ends_at',
      'revoked_at',
    ],
  },
  operators: {
    title: 'Who did what in Revenant in the period',
    page: operators,
    columns: ['at', 'actor', 'action', 'subject', 'detail'],
  },
  'open-items': {
    title: 'Findings opened before the end of the period that are open now',
    page: openItems,
    columns: [
      'id',
      'kind',
      'severity',
      'state',
      'external_id',
      'name',
      'system',
      'credential',
      'episode',
      'opened_at',
      'last_seen_at',
      'deadline',
      'acknowledged_by',
      'exempted',
      'owner',
    ],
  },
} as const satisfies Record<string, Statement>

export type StatementName = keyof typeof STATEMENTS
export const STATEMENT_NAMES: readonly StatementName[] = [
  'leavers',
  'revocation',
  'unverified',
  'gaps',
  'exemptions',
  'operators',
  'open-items',
]

export type StatedRow = Record<string, Fact>

const PAGE = 1_000

/** The rows of a statement, a page at a time. Instants are RFC 3339 in UTC, durations milliseconds. */
export async function* statementRows(
  db: Queryable,
  name: StatementName,
  scope: StatementScope,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<StatedRow> {
  const { page, columns }: Statement = STATEMENTS[name]
  let [after, given] = ['', 0]
  for (;;) {
    const rows = await page(db, scope, after, PAGE)
    for (const row of rows) {
      if (given++ >= limit) return
      yield Object.fromEntries(columns.map((column) => [column, told(row[column])]))
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    after = last.key
  }
}

function told(value: Fact | Temporal.Instant | undefined): Fact {
  if (value === undefined) return null
  return value instanceof Temporal.Instant ? value.toString() : value
}
