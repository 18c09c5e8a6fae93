import { z } from 'zod'
import { GRANT_KINDS, PERSON_NAMES } from '../domain/grant.ts'
import { fieldName, targetField } from './catalogue-schema.ts'
import { constantHeaders } from './http-target.ts'
import { pointerSchema } from './pointer.ts'
import { valueSchema, whenSchema } from './predicate.ts'
import { templatesOver } from './template.ts'

/** Of requests. `person.name` is what somebody is looked for by; `item` what an outer list gives. */
export const INVENTORY_TEMPLATES = templatesOver(['target', 'person', 'item'], '{target.org}, {person.name} or {item.id}')
/** Of what the administrator's credential goes into. */
export const AUTH_TEMPLATES = templatesOver(['secret', 'target'], '{secret.token} or {target.site}')

const ours = INVENTORY_TEMPLATES.schema
const auths = AUTH_TEMPLATES.schema
const text = z.string().min(1).max(1_024)
const id = z.string().regex(/^[a-z][a-z0-9_]{0,47}$/, 'lower-case letters, digits and underscores')
const headerName = z.string().regex(/^[a-z0-9-]+$/, 'a header name in lower case')
const whens = z.array(whenSchema).max(8)

const request = z.strictObject({
  method: z.enum(['GET', 'POST']).default('GET'),
  /** Of a POST: that it changes nothing, as a GraphQL query. */
  readOnly: z.literal(true).optional(),
  path: ours.refine((path) => path.startsWith('/') && !/[?#]/.test(path), 'begins with "/", without query and fragment'),
  query: z.record(z.string().min(1).max(128), ours).optional(),
  json: z.json().optional(),
})
export type InventoryRequest = z.infer<typeof request>

/**
 * How a list goes on. `page` and `offset` go on until a page is empty: how many a full one has is the server's to say; `page` with `last`,
 * a pointer to the number of the last one, until that. `url` with `query`: what is no address there is a cursor, and goes into it.
 */
const paging = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('link') }),
  z.strictObject({ kind: z.literal('url'), next: pointerSchema, query: text.optional() }),
  z.strictObject({ kind: z.literal('cursor'), next: pointerSchema, query: text }),
  z.strictObject({
    kind: z.literal('page'),
    query: text,
    from: z.int().min(0).max(1).default(1),
    last: pointerSchema.optional(),
  }),
  z.strictObject({ kind: z.literal('offset'), query: text }),
])
export type Paging = z.infer<typeof paging>

/** What a list is read with. */
const reading = {
  request,
  paging: paging.default({ kind: 'none' }),
  /** Pages at most: a longer list counts as cut. */
  pages: z.int().min(1).max(500).default(50),
  items: pointerSchema.default(''),
  /** What an answer looks like that is the list. Left out: 200. The items must be an array either way. */
  when: whenSchema.optional(),
  /** The vendor leaves the items out where there are none: what `when` says tells the list then. */
  omitsEmpty: z.literal(true).optional(),
  /** Answers that say that there is nothing. */
  empty: whens.default([]),
  /** Answers that say that the system does not know the person. */
  unknown: whens.default([]),
  /** Items that are meant, where the list has others: members that are equal to a template, or have it, whatever its case. */
  match: z.record(pointerSchema, ours).optional(),
  /** Items that stand: tests of their members. */
  only: z.record(pointerSchema, valueSchema).optional(),
  /**
   * Members that at least one item of the list must have, null and empty do not count: without them the credential is not shown whose they
   * are. An item that lacks one of `match` is nobody's then.
   */
  sees: z.union([pointerSchema, z.array(pointerSchema).min(1).max(4)]).optional(),
}
const found = z.record(fieldName, pointerSchema)

const lookup = z.strictObject({
  id,
  /** For people that are looked for by these names; left out: all. */
  by: z.array(z.enum(PERSON_NAMES)).min(1).optional(),
  ...reading,
  /** True: the answer is a list, of which one item must be meant. False: it is the person. */
  list: z.boolean().default(false),
  find: found.refine((names) => Object.keys(names).length > 0, 'say what is found'),
})
export type Lookup = z.infer<typeof lookup>

const pointers = z.union([pointerSchema, z.array(pointerSchema).min(1).max(6)])

const tests = z.record(pointerSchema, valueSchema)

/** The list is a log of events: what stands is what they leave of each thing. */
const log = z.strictObject({
  /** What an event is about: the first that is there, with its last name before it. */
  of: z.array(pointerSchema).min(1).max(4),
  /** When: seconds or milliseconds since 1970, or RFC 3339. */
  at: pointerSchema,
  /** Whose the event is. */
  match: z.record(pointerSchema, ours),
  begins: tests,
  suspends: tests.optional(),
  ends: tests,
})
export type InventoryLog = z.infer<typeof log>

const list = z.strictObject({
  id,
  kind: z.enum(GRANT_KINDS),
  /** Where items of one list are of several kinds: the first whose tests hold. */
  kinds: z
    .array(z.strictObject({ when: tests, kind: z.enum(GRANT_KINDS) }))
    .max(8)
    .default([]),
  /** What one of them is, in a word or two: where it has no title. */
  label: text.max(60),
  /** Another list, of each of whose items this one is asked. */
  over: z.strictObject({ ...reading, find: found }).optional(),
  ...reading,
  /** What tells two of them apart, for good. Of a log: the thing. */
  key: z.union([pointerSchema, z.array(pointerSchema).min(1).max(4)]).optional(),
  log: log.optional(),
  /** The time after which an item is over: it is left out then. */
  until: pointerSchema.optional(),
  /** What the answer that gave a token must say: otherwise the credential sees a part alone, which proves nothing. */
  granted: tests.optional(),
  fields: z.strictObject({
    title: pointers.optional(),
    scopes: pointerSchema.optional(),
    createdAt: pointerSchema.optional(),
    lastUsedAt: pointerSchema.optional(),
    expiresAt: pointerSchema.optional(),
  }),
})
export type InventoryList = z.infer<typeof list>

const auth = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('header'), name: headerName, value: auths }),
  z.strictObject({ kind: z.literal('basic'), username: auths, password: auths }),
  /** RFC 6749 §4.4. */
  z.strictObject({
    kind: z.literal('client_credentials'),
    tokenUrl: auths,
    clientId: auths,
    clientSecret: auths,
    scope: text,
  }),
  /** RFC 7523 §2.1, with a service account's key that acts for an administrator. */
  z.strictObject({
    kind: z.literal('service_account'),
    tokenUrl: auths,
    email: auths,
    privateKey: auths,
    subject: auths,
    scopes: z.array(text).min(1).max(16),
  }),
  /** A GitHub App: a signed JWT buys a token of its installation, which lives for an hour. */
  z.strictObject({ kind: z.literal('app_installation'), tokenUrl: auths, issuer: auths, privateKey: auths }),
])
export type InventoryAuth = z.infer<typeof auth>

/** One file of probes/inventory. The reference with examples is docs/inventory.md. */
export const inventorySchema = z.strictObject({
  system: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'lower-case letters, digits and dashes'),
  summary: text,
  documentation: z.array(z.url()).min(1).max(24),
  /** What the administrator's credential must be allowed, and no more. */
  permissions: z.array(text).min(1).max(16),
  notes: z.array(text).max(16).default([]),
  target: z.record(fieldName, targetField).default({}),
  /** Its origin is what the credential is bound to. */
  base: auths,
  secret: z.strictObject({
    fields: z
      .record(fieldName, z.strictObject({ describe: text }))
      .refine((fields) => Object.keys(fields).length > 0, 'at least one field'),
  }),
  /** Several: the first whose fields are all given. */
  auth: z.union([auth, z.array(auth).min(1).max(4)]),
  headers: constantHeaders.optional(),
  by: z.array(z.enum(PERSON_NAMES)).min(1),
  /** The header with the end of a rate limit's window in seconds since 1970, where there is no Retry-After. */
  resetHeader: headerName.optional(),
  /** Answers that ask us to wait, where that is not said by a 429. */
  limited: whens.default([]),
  /** Answers that refuse the credential, or what is asked with it, where that is not said by a 401 or 403. */
  unauthenticated: whens.default([]),
  forbidden: whens.default([]),
  lookups: z.array(lookup).max(6).default([]),
  lists: z.array(list).min(1).max(16),
})
export type InventoryEntry = z.infer<typeof inventorySchema>
