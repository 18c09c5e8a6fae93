import { importCredentials } from '../../intake/credentials.ts'
import type { ImportOptions } from '../../intake/deps.ts'
import { importIdentities } from '../../intake/identities.ts'
import { repinCredential } from '../../intake/repin.ts'
import type { ImportReport } from '../../intake/report.ts'
import { retireCredential } from '../../intake/retire.ts'
import type { Format, ImportSource } from '../../intake/source.ts'
import { intakeDeps } from '../acting.ts'
import { Problem } from '../problem.ts'
import { NONE, NOTHING, type Route, type RouteContext, route } from '../route.ts'
import { byId, credentialAnswer, type ImportAnswer, importAnswer, importQuery } from '../schemas/actions.ts'

const FORMATS: ReadonlyMap<string, Format> = new Map([
  ['text/csv', 'csv'],
  ['application/x-ndjson', 'jsonl'],
])
const UPLOADS = [...FORMATS.keys()]
/** RFC 6838; of the whole file, armoured or not. */
const AGE = 'application/vnd.age'

const shared = {
  method: 'POST',
  permission: 'operate',
  query: importQuery,
  body: NONE,
  uploads: UPLOADS,
  answer: importAnswer,
  cost: 'heavy',
} as const

export const INTAKE_ACTIONS: readonly Route[] = [
  route({
    ...shared,
    path: '/v1/import/identities',
    id: 'importIdentities',
    tag: 'identities',
    summary: 'Import who there is and who has left, as CSV or JSON Lines. Bad rows are told, the good ones kept',
    params: NOTHING,
    handle: async (context, { query }) => {
      const options = optionsOf(context, query)
      return { body: answerOf(await importIdentities(sourceOf(context, query.name), intakeDeps(context), options), options) }
    },
  }),
  route({
    ...shared,
    path: '/v1/import/credentials',
    id: 'importCredentials',
    tag: 'credentials',
    summary:
      'Import what identities held, as CSV or JSON Lines: secrets are sealed as they come in, or given by reference. The file, or each secret, may be encrypted to the recipient',
    uploads: [...UPLOADS, AGE],
    params: NOTHING,
    handle: async (context, { query }) => {
      const options = optionsOf(context, query)
      const { upload, uploadType } = context
      const source =
        uploadType === AGE && upload !== undefined ? { submission: upload, name: query.name } : sourceOf(context, query.name)
      return { body: answerOf(await importCredentials(source, intakeDeps(context), options), options) }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/credentials/{id}/retire',
    id: 'retireCredential',
    tag: 'credentials',
    summary: 'Take a credential off the list: its secret is shredded, its history stays',
    permission: 'operate',
    params: byId,
    query: NOTHING,
    body: NONE,
    answer: credentialAnswer,
    handle: async (context, { params: { id } }) => ({
      body: { id, changed: await retireCredential(id, intakeDeps(context)) },
    }),
  }),
  route({
    method: 'POST',
    path: '/v1/credentials/{id}/repin',
    id: 'repinCredential',
    tag: 'credentials',
    summary: "Take what a credential's reference holds now for its secret, and check it as if it were new",
    permission: 'administer',
    params: byId,
    query: NOTHING,
    body: NONE,
    answer: credentialAnswer,
    handle: async (context, { params: { id } }) => {
      await repinCredential(id, intakeDeps(context))
      return { body: { id, changed: true } }
    },
  }),
]

function optionsOf({ signal }: RouteContext, { dryRun }: { dryRun: boolean }): ImportOptions {
  return { dryRun, signal }
}

function sourceOf({ upload, uploadType = '' }: RouteContext, name: string): ImportSource {
  const format = FORMATS.get(uploadType)
  if (upload === undefined || format === undefined)
    throw new Problem(415, `Send a file of one of these types: ${UPLOADS.join(', ')}`)
  return { stream: upload, name, format }
}

function answerOf({ bad, warnings = [], warningTotal = 0, ...counts }: ImportReport, { dryRun }: ImportOptions): ImportAnswer {
  return {
    dryRun,
    ...counts,
    bad: bad.map(({ line, field, code, message }) => ({ line, field: field ?? null, code: code ?? null, message })),
    warnings: warnings.map(({ line, field, message }) => ({ line, field: field ?? null, message })),
    warningTotal,
  }
}
