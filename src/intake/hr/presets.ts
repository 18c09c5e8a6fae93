import type { AuthForm } from './ask-hr.ts'
import type { PersonMap, Word } from './person-map.ts'
import { type SignatureScheme, signatureSchema } from './signature.ts'

/** What is known of one HR system's webhooks. */
export interface Preset {
  signature: SignatureScheme
  map: PersonMap
  statuses: Readonly<Record<string, Word>>
  types: Readonly<Record<string, Word>>
  /** What types mean where the system is not asked. */
  typesAlone: Readonly<Record<string, Word>>
  /** How one person is asked for. */
  lookup: { path: string; json?: unknown; auth: AuthForm; map: PersonMap }
  /** Bodies that only try the connection, which is not signed then. */
  pings: readonly string[]
}

export const PRESET_NAMES = ['bamboohr', 'hibob'] as const
export type PresetName = (typeof PRESET_NAMES)[number]

const BAMBOOHR_FIELDS = ['displayName', 'workEmail', 'employeeNumber', 'status', 'terminationDate', 'hireDate']

/**
 * BambooHR: event-based webhooks (documentation.bamboohr.com/docs/event-based-webhooks, /docs/webhooks): the body and the timestamp
 * are signed, nothing between them. The event has no values. The date of an employee who has not left is 0000-00-00.
 */
const BAMBOOHR: Preset = {
  signature: signatureSchema.parse({
    ...{ header: 'x-bamboohr-signature', algorithm: 'sha256', encoding: 'hex' },
    ...{ timestamp: 'x-bamboohr-timestamp', signs: '{body}{timestamp}' },
  }),
  map: { key: '/data/employeeId', type: '/type', at: '/timestamp' },
  statuses: { Active: 'active', Inactive: 'inactive' },
  types: { 'employee.created': 'lookup', 'employee.updated': 'lookup', 'employee.deleted': 'deleted' },
  typesAlone: {},
  lookup: {
    path: `/api/v1/employees/{key}?fields=${BAMBOOHR_FIELDS.join(',')}&onlyCurrent=false`,
    auth: 'keyAsUser',
    map: {
      ...{ externalId: '/workEmail', name: '/displayName', email: '/workEmail', status: '/status' },
      ...{ terminationDate: '/terminationDate', hireDate: '/hireDate' },
    },
  },
  pings: [],
}

const HIBOB_FIELDS = [
  'root.id',
  'root.email',
  'root.displayName',
  'internal.status',
  'internal.terminationDate',
  'work.startDate',
]
/** Bob answers fields by their path, or nested, by the version of its API. */
const bob = (...path: string[]) => [`/${path.join('/')}`, `/~1${(path.length === 1 ? ['root', ...path] : path).join('~1')}/value`]

/**
 * HiBob: webhooks v2 (apidocs.hibob.com/docs/employee-data-webhooks, /docs/working-with-webhooks): the body is signed. Lifecycle events
 * come at midnight of the site on the day that they take effect. `employee.inactivated` is a leave as well.
 */
const HIBOB: Preset = {
  signature: signatureSchema.parse({ header: 'bob-signature', algorithm: 'sha512', encoding: 'base64' }),
  map: { key: '/data/employeeId', type: '/type', at: '/triggeredAt' },
  statuses: { active: 'active', inactive: 'inactive' },
  types: {
    ...{
      'employee.created': 'lookup',
      'employee.updated': 'lookup',
      'employee.activated': 'lookup',
      'employee.joined': 'lookup',
    },
    ...{ 'employee.left': 'terminated', 'employee.access.revoked.immediately': 'terminated', 'employee.deleted': 'deleted' },
    ...{ 'employee.inactivated': 'inactive', 'employee.temporaryLeave': 'suspended' },
  },
  typesAlone: {
    ...{
      'employee.created': 'active',
      'employee.activated': 'active',
      'employee.joined': 'active',
      'employee.updated': 'ignore',
    },
  },
  lookup: {
    path: '/v1/people/{key}',
    json: { fields: HIBOB_FIELDS },
    auth: 'basic',
    map: {
      ...{ externalId: bob('email'), name: bob('displayName'), email: bob('email'), status: bob('internal', 'status') },
      ...{ terminationDate: bob('internal', 'terminationDate'), hireDate: bob('work', 'startDate') },
    },
  },
  pings: ['Ping test', '"Ping test"', '{"text":"Ping test"}'],
}

export const PRESETS: Readonly<Record<PresetName, Preset>> = { bamboohr: BAMBOOHR, hibob: HIBOB }

/** What is known of one HR system's list of people, as `source: hris` reads it. */
export interface PullPreset {
  origin: string
  path: string
  /** From the answer: where the next page is. */
  next: string
  map: PersonMap
  statuses: Readonly<Record<string, Word>>
}

export const PULL_PRESET_NAMES = ['rippling'] as const
export type PullPresetName = (typeof PULL_PRESET_NAMES)[number]

/**
 * Rippling: its REST API (developer.rippling.com/documentation/rest-api/reference/list-workers). Everybody whom the token may see, in an
 * order that never changes, a page at a time; `next_link` is the whole address of the next one, null after the last. The name is there
 * where the path asks for `expand=user`, which takes another right of the token.
 */
const RIPPLING: PullPreset = {
  origin: 'https://rest.ripplingapis.com',
  path: '/workers?order_by=id',
  next: '/next_link',
  map: {
    ...{ people: '/results', key: '/id', externalId: '/work_email', email: '/work_email', name: '/user/display_name' },
    ...{ status: '/status', terminationDate: '/end_date', hireDate: '/start_date' },
  },
  // Whoever was hired, or accepted, has not begun yet.
  statuses: { INIT: 'ignore', HIRED: 'active', ACCEPTED: 'active', ACTIVE: 'active', TERMINATED: 'terminated' },
}

export const PULL_PRESETS: Readonly<Record<PullPresetName, PullPreset>> = { rippling: RIPPLING }
