import { z } from 'zod'
import { RevenantError } from '../domain/error.ts'
import type { PersonName } from '../domain/grant.ts'
import type { Transport } from '../domain/system.ts'
import { targetFieldSchema } from './catalogue.ts'
import { transportFault, transportFields, transportOf, trustOf } from './http-target.ts'
import { compileAsk, type Lister } from './inventory-ask.ts'
import { type AdminScope, compileAuth } from './inventory-auth.ts'
import { parseInventoryEntry } from './inventory-entry.ts'
import { AUTH_TEMPLATES, type InventoryEntry } from './inventory-schema.ts'
import type { HttpTrust } from './probe.ts'

type Target = Record<string, string | undefined> & {
  tls?: 'verify' | 'insecure' | 'disable' | undefined
  ca?: string | undefined
}

/** What one file of probes/inventory says, ready to be bound to a target. */
export interface Inventory {
  readonly system: string
  readonly summary: string
  readonly permissions: readonly string[]
  readonly by: readonly PersonName[]
  readonly lists: readonly string[]
  readonly secretFields: readonly string[]
  readonly targetSchema: z.ZodType<Target>
  /** Throws zod's error for a target that does not fit. */
  bind(target: unknown): BoundInventory
}

export interface BoundInventory {
  readonly system: string
  /** What the administrator's credential is sent to: first the system, then where tokens are had. */
  readonly origins: readonly string[]
  readonly transport: Transport
  readonly http: HttpTrust
  /**
   * Begins a turn with the administrator's credential: one object of the fields that the file names. Throws `SECRET_INVALID`, naming
   * fields and no values.
   */
  open(secret: unknown): Lister
}

/** An inventory out of one file. Throws `CATALOGUE_INVALID` with every fault of the file. */
export function inventoryOf(yamlText: string, fileName: string): Inventory {
  const entry = parseInventoryEntry(yamlText, fileName)
  const base = AUTH_TEMPLATES.compile(entry.base)
  const auths = [entry.auth].flat().map(compileAuth)
  const addressOf = (target: Target): URL => {
    const url = URL.parse(base.render({ secret: {}, target }) ?? '')
    if (url !== null && (url.protocol === 'https:' || url.protocol === 'http:')) return url
    throw new RevenantError('CONFIG_INVALID', `the target of the inventory ${entry.system} names no address`)
  }
  const fields = Object.fromEntries(Object.entries(entry.target).map(([name, field]) => [name, targetFieldSchema(field)]))
  const targetSchema: z.ZodType<Target> = z.strictObject({ ...fields, ...transportFields }).superRefine((parsed, context) => {
    const target: Target = parsed
    const address = URL.parse(base.render({ secret: {}, target }) ?? '')
    const fault = address === null ? undefined : transportFault(address.href, target)
    if (fault !== undefined) context.addIssue({ code: 'custom', path: ['tls'], message: fault })
  })
  const secretFields = Object.keys(entry.secret.fields)
  return {
    system: entry.system,
    summary: entry.summary,
    permissions: entry.permissions,
    by: entry.by,
    lists: entry.lists.map(({ id }) => id),
    secretFields,
    targetSchema,
    bind: (given) => {
      const target = targetSchema.parse(given)
      const address = addressOf(target)
      const tokens = auths.flatMap((auth) => auth.tokenOrigin({ secret: {}, target }) ?? [])
      return {
        system: entry.system,
        origins: [...new Set([address.origin, ...tokens])],
        transport: transportOf(address.href, target),
        http: trustOf(target),
        open: (secret) => {
          const admin = adminOf(entry, secretFields, secret, target)
          const auth = auths.find(({ fields: wanted }) => wanted.every((name) => admin.secret[name] !== undefined))
          if (auth === undefined) throw unfit(entry, secretFields)
          return compileAsk(entry, auth, address)(admin)
        },
      }
    },
  }
}

function adminOf(entry: InventoryEntry, names: readonly string[], secret: unknown, target: Target): AdminScope {
  const field = z.string().min(1).max(16_384).optional()
  const parsed = z.strictObject(Object.fromEntries(names.map((name) => [name, field]))).safeParse(secret)
  if (parsed.success) return { secret: parsed.data, target }
  throw unfit(entry, names)
}

function unfit({ system, auth }: InventoryEntry, names: readonly string[]): RevenantError {
  const some = Array.isArray(auth) ? 'one set of the fields' : 'the fields'
  return new RevenantError('SECRET_INVALID', `the credential of the inventory ${system} needs ${some} ${names.join(', ')}`)
}
