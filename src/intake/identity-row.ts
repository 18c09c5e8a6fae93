import { IDENTITY_KINDS, type IdentityKind } from '../domain/identity.ts'
import { CellFault, instant, limited, local, oneOf, readRow, required } from './cells.ts'
import type { Columns } from './columns.ts'
import type { DayEnd } from './instant.ts'
import type { RowFault } from './report.ts'
import type { Row } from './rows.ts'

export const IDENTITY_COLUMNS: Columns = {
  names: {
    external_id: 'external_id',
    employee_id: 'external_id',
    kind: 'kind',
    name: 'name',
    email: 'email',
    work_email: 'email',
    owner: 'owner',
    status: 'status',
    terminated_at: 'terminated_at',
    termination_date: 'termination_date',
    termination_time: 'termination_time',
    timezone: 'timezone',
  },
  ignored: [
    'identity_key',
    'worker_type',
    'last_worked_date',
    'last_paid_date',
    'reason_code',
    'rehire_flag',
    'manager_id',
    'updated_at',
  ],
  required: ['external_id'],
  secrets: false,
  objects: [],
}

/** What a row says of an identity: undefined where it says nothing, null where it says that there is none. */
export interface IdentityEntry {
  line: number
  externalId: string
  kind: IdentityKind | null | undefined
  name: string | null | undefined
  email: string | null | undefined
  owner: string | null | undefined
  standing: Standing
}

/**
 * `unsaid`: nothing, so that a termination that is known stays. `active`: explicitly, so that it is taken back. `leaving`: active
 * and with a last day, which must lie ahead. `terminated`: at an instant, which may lie ahead as well.
 */
export type Standing = { is: 'unsaid' } | { is: 'active' } | { is: 'leaving' | 'terminated'; at: Temporal.Instant }

const STATUSES = ['active', 'terminated'] as const
const MAX_ID = 256
const MAX_NAME = 512

/** Reads a row of an identities file. */
export function readIdentity(row: Row, dayEnd: DayEnd): IdentityEntry | RowFault {
  return readRow(row, () => {
    const externalId = required(row, 'external_id', MAX_ID)
    const owner = limited(row, 'owner', MAX_ID)
    if (owner === externalId) throw new CellFault('owner', 'is the identity itself')
    return {
      line: row.line,
      externalId,
      kind: oneOf(row, 'kind', IDENTITY_KINDS),
      name: limited(row, 'name', MAX_NAME),
      email: limited(row, 'email', MAX_NAME),
      owner,
      standing: standingOf(row, dayEnd),
    }
  })
}

function standingOf(row: Row, dayEnd: DayEnd): Standing {
  const status = oneOf(row, 'status', STATUSES) ?? undefined
  const at = terminationOf(row, dayEnd)
  if (at !== undefined) return { is: status === 'active' ? 'leaving' : 'terminated', at }
  if (status === 'terminated') {
    throw new CellFault('terminated_at', 'is missing: a termination needs its instant (terminated_at, or termination_date)')
  }
  return { is: status === undefined ? 'unsaid' : 'active' }
}

function terminationOf(row: Row, dayEnd: DayEnd): Temporal.Instant | undefined {
  const at = instant(row, 'terminated_at') ?? undefined
  const date = row.cells.termination_date ?? null
  const time = row.cells.termination_time ?? null
  // A zone without a date is where somebody works, and no fault.
  const zone = row.cells.timezone ?? null
  if (date === null) {
    if (time !== null && at === undefined) throw new CellFault('termination_time', 'is given without termination_date')
    return at
  }
  if (at !== undefined) throw new CellFault('termination_date', 'is given beside terminated_at: give one of them')
  return local('termination_date', date, time, zone, dayEnd)
}
