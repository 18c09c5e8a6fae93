import { z } from 'zod'
import { constantHeaders } from './http-target.ts'
import { patternSchema } from './pattern.ts'
import { pointerSchema } from './pointer.ts'
import { EFFECTS } from './probe.ts'
import { principalSchema, ruleFields } from './rules.ts'
import { templateSchema } from './template.ts'

export const fieldName = z.string().regex(/^[a-z][a-zA-Z0-9]{0,63}$/, 'a name in camelCase')
const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'not a header name')
const text = z.string().min(1).max(1_024)

/** A field of the target: an address, one of a list, or text of a given shape. */
export const targetField = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('url'), describe: text, default: z.url().optional(), optional: z.literal(true).optional() }),
  z.strictObject({
    type: z.literal('choice'),
    describe: text,
    of: z.array(text).min(1).max(64),
    default: text.optional(),
    optional: z.literal(true).optional(),
  }),
  z.strictObject({
    type: z.literal('text'),
    describe: text,
    matches: patternSchema,
    default: text.optional(),
    optional: z.literal(true).optional(),
  }),
])
export type TargetField = z.infer<typeof targetField>

/** How a made-up value of a secret field is made. `token`: the same shape; `keep` are prefixes that stay. */
const secretField = z.strictObject({
  describe: text,
  matches: patternSchema.optional(),
  /** True for a user name or an address: it may be named in logs and answers, and stays for the decoy `same-principal`. */
  public: z.literal(true).optional(),
  decoy: z.enum(['token', 'password', 'username', 'email']).default('token'),
  keep: z.array(text).max(32).default([]),
})
export type SecretField = z.infer<typeof secretField>

/** A value made of others. The steps run in this order; one that does not apply leaves the value out. */
const derivedField = z.strictObject({
  from: templateSchema,
  /** The first whose key the value begins with. */
  prefixes: z.record(z.string(), z.string().max(256)).optional(),
  split: z.strictObject({ by: z.string().min(1).max(16), take: z.int().min(-16).max(16) }).optional(),
  replace: z
    .array(z.strictObject({ find: z.string().min(1).max(64), with: z.string().max(64) }))
    .max(16)
    .optional(),
  encode: z.enum(['base64', 'base64url', 'hex', 'lower', 'upper', 'percent']).optional(),
  prefix: z.string().max(64).optional(),
  suffix: z.string().max(64).optional(),
})
export type DerivedField = z.infer<typeof derivedField>

const condition = z.strictObject({
  value: templateSchema,
  present: z.boolean().optional(),
  equals: z.string().optional(),
  startsWith: z.array(text).min(1).max(32).optional(),
})
export type Condition = z.infer<typeof condition>

const rule = z.strictObject({ ...ruleFields, source: text })

const templates = z.record(z.string().min(1).max(128), templateSchema)

const request = z.strictObject({
  name: fieldName,
  /** All must hold; the first request whose conditions hold is the one that is sent. */
  if: z.array(condition).min(1).max(8).optional(),
  method: z.enum(['GET', 'HEAD', 'POST']).default('GET'),
  /** Another origin than the entry's; it must be the entry's or in `alsoReaches`. */
  base: templateSchema.optional(),
  path: templateSchema.refine(
    (path) => path.startsWith('/') && !/[?#]/.test(path),
    'begins with "/", without query and fragment',
  ),
  query: templates.optional(),
  headers: z.record(headerName, templateSchema).optional(),
  constantHeaders: constantHeaders.optional(),
  cookies: z.record(headerName, templateSchema).optional(),
  basic: z.strictObject({ username: templateSchema, password: templateSchema }).optional(),
  body: z
    .union([
      z.strictObject({ form: templates }),
      z.strictObject({ json: z.json() }),
      z.strictObject({ text: z.string().max(4_096), contentType: text }),
    ])
    .optional(),
  rules: z.array(rule).max(64).default([]),
  principal: principalSchema.optional(),
})
export type CatalogueRequest = z.infer<typeof request>

/** One file of probes/catalogue. The reference with examples is docs/catalogue.md. */
export const catalogueSchema = z.strictObject({
  kind: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'lower-case letters, digits and dashes'),
  summary: text,
  /** Where the vendor documents the request and its answers. */
  documentation: z.array(z.url()).min(1).max(16),
  /** For the reader: limits, lock-outs and hazards to set the system's `limits` by. */
  notes: z.array(text).max(16).default([]),
  effects: z.array(z.enum(EFFECTS)).default([]),
  target: z.record(fieldName, targetField).default({}),
  /** The first of these that can be rendered is the address; its origin is what a secret is bound to. */
  base: z.union([templateSchema, z.array(templateSchema).min(1).max(8)]),
  alsoReaches: z.array(templateSchema).max(8).default([]),
  secret: z.strictObject({
    fields: z.record(fieldName, secretField).refine((fields) => Object.keys(fields).length > 0, 'at least one field'),
    /** Which fields make a whole secret, where not all of them do. */
    forms: z.array(z.array(fieldName).min(1)).min(1).max(8).optional(),
  }),
  derived: z.record(fieldName, derivedField).default({}),
  /** The account that wrong tries count against. */
  account: z.strictObject({ value: templateSchema, fold: z.enum(['lower', 'none']).default('lower') }).optional(),
  /** Who the answer should name. */
  expects: templateSchema.optional(),
  /**
   * What tells kinds of secret apart that share a field: the first of these that can be rendered. A canary vouches for its own kind
   * only, and for none where nothing can be rendered.
   */
  form: z.union([templateSchema, z.array(templateSchema).min(1).max(8)]).optional(),
  /** False where the request must never be sent without a credential. */
  nobody: z.boolean().default(true),
  requests: z.array(request).min(1).max(8),
  /** Tried after the request's own. */
  rules: z.array(rule).max(64).default([]),
  principal: principalSchema.optional(),
  /** Codes of the answer that go into the evidence, by name. */
  facts: z.record(fieldName, pointerSchema).default({}),
  /** The header with the end of a rate limit's window in seconds since 1970, where there is no Retry-After. */
  resetHeader: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .optional(),
})
export type CatalogueEntry = z.infer<typeof catalogueSchema>
