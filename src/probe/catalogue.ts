import { z } from 'zod'
import type { Decoy } from '../domain/control.ts'
import { RevenantError } from '../domain/error.ts'
import { parseCatalogueEntry } from './catalogue-entry.ts'
import { compileDerived, compileRequest, type RequestBuilder } from './catalogue-request.ts'
import type { CatalogueEntry, SecretField, TargetField } from './catalogue-schema.ts'
import { exchange } from './exchange.ts'
import { secretText, transportFault, transportFields, transportOf, trustOf, urlSchema } from './http-target.ts'
import { madeUpEmail, madeUpName, madeUpPassword, madeUpToken } from './made-up.ts'
import { compilePattern } from './pattern.ts'
import { type AnyProbe, type AttemptContext, anyProbe, type Probe } from './probe.ts'
import { compileRules, type Judge } from './rules.ts'
import { compileTemplate, type Scope, type Template } from './template.ts'

type Target = Record<string, string | undefined> & {
  tls?: 'verify' | 'insecure' | 'disable' | undefined
  ca?: string | undefined
}
type Secret = Readonly<Record<string, string>>

/** Made by `decoy` alone: the schema lets no secret without fields in. */
const NOBODY: Secret = Object.freeze({})

/** A probe out of one file of the catalogue. Throws `CATALOGUE_INVALID` with every fault of the file. */
export function catalogueProbe(yamlText: string, fileName: string): AnyProbe {
  return anyProbe(declaredProbe(parseCatalogueEntry(yamlText, fileName)))
}

function declaredProbe(entry: CatalogueEntry): Probe<Target, Secret> {
  const address = addressOf(entry)
  const requests = entry.requests.map((request) => {
    const rules = compileRulesOf(entry, request)
    const builder = compileRequest(request, entry)
    return { builder, judge: rules(builder) }
  })
  const derive = compileDerived(entry)
  const account = entry.account === undefined ? undefined : compileTemplate(entry.account.value)
  const expects = entry.expects === undefined ? undefined : compileTemplate(entry.expects)
  const forms = entry.form === undefined ? undefined : [entry.form].flat().map(compileTemplate)
  const ofSecret = (template: Template | undefined, secret: Secret) => template?.render(derive({ secret, target: {} }))
  const nobody = entry.nobody && requests.every(({ builder }) => builder.nobody)
  return {
    kind: entry.kind,
    summary: entry.summary,
    target: targetSchemaOf(entry, address),
    secret: secretSchemaOf(entry),
    effects: entry.effects,
    origin: (target) => address.base(target).origin,
    ...(entry.alsoReaches.length === 0 ? {} : { alsoReaches: address.others }),
    transport: (target) => transportOf(address.base(target).href, target),
    http: trustOf,
    account: (secret) => {
      const value = ofSecret(account, secret)
      return entry.account?.fold === 'lower' ? value?.toLowerCase() : value
    },
    ...(expects === undefined ? {} : { expects: (secret: Secret) => ofSecret(expects, secret) }),
    ...(forms === undefined
      ? {}
      : { form: (secret: Secret, target: Target) => firstRendered(forms, derive({ secret, target })) }),
    decoy: (secret, of) => (of === 'nobody' ? (nobody ? NOBODY : undefined) : madeUp(entry, secret, of)),
    attempt: attemptOf(entry, requests, derive, address),
  }
}

function compileRulesOf(entry: CatalogueEntry, request: CatalogueEntry['requests'][number]): (builder: RequestBuilder) => Judge {
  const principal = request.principal ?? entry.principal
  const rules = [...request.rules, ...entry.rules]
  return ({ placement }) => compileRules({ rules, placement, principal, facts: entry.facts, resetHeader: entry.resetHeader })
}

function attemptOf(
  entry: CatalogueEntry,
  requests: readonly { builder: RequestBuilder; judge: Judge }[],
  derive: (scope: Omit<Scope, 'derived'>) => Scope,
  address: Address,
): Probe<Target, Secret>['attempt'] {
  const secretNames = Object.entries(entry.secret.fields).flatMap(([name, field]) => (field.public === true ? [] : [name]))
  const bases = new WeakMap<Target, URL>()
  return async (target, secret, ctx: AttemptContext) => {
    const base = bases.get(target) ?? address.base(target)
    bases.set(target, base)
    const scope = derive({ secret, target })
    // For nobody the conditions on the secret cannot hold; the last request is the one without them.
    const chosen = requests.find(({ builder }) => builder.applies(scope)) ?? (secret === NOBODY ? requests.at(-1) : undefined)
    if (chosen === undefined)
      throw new RevenantError('SECRET_INVALID', `no request of ${entry.kind} fits the fields of this secret`)
    const request = chosen.builder.build(scope, base, ctx.attribution, secret === NOBODY)
    const sent = secretNames.flatMap((name) => secret[name] ?? [])
    return chosen.judge(await exchange(ctx.http, request, ctx.signal), sent)
  }
}

function firstRendered(templates: readonly Template[], scope: Scope): string | undefined {
  for (const template of templates) {
    const text = template.render(scope)
    if (text !== undefined) return text
  }
  return undefined
}

interface Address {
  base(target: Target): URL
  others(target: Target): readonly string[]
}

function addressOf(entry: CatalogueEntry): Address {
  const bases = [entry.base].flat().map(compileTemplate)
  const others = entry.alsoReaches.map(compileTemplate)
  const scopeOf = (target: Target): Scope => ({ secret: {}, target, derived: {} })
  return {
    base: (target) => {
      const text = firstRendered(bases, scopeOf(target))
      if (text !== undefined) return new URL(text)
      throw new RevenantError('CONFIG_INVALID', `the target of ${entry.kind} names no address`)
    },
    others: (target) => others.flatMap((other) => other.render(scopeOf(target)) ?? []).map((text) => new URL(text).origin),
  }
}

function targetSchemaOf(entry: CatalogueEntry, address: Address): z.ZodType<Target> {
  const fields = Object.fromEntries(Object.entries(entry.target).map(([name, field]) => [name, targetFieldSchema(field)]))
  return z.strictObject({ ...fields, ...transportFields }).superRefine((parsed, context) => {
    const target: Target = parsed
    try {
      const fault = transportFault(address.base(target).href, target)
      if (fault !== undefined) context.addIssue({ code: 'custom', path: ['tls'], message: fault })
    } catch {
      const wanted = Object.keys(entry.target).join(' or ')
      context.addIssue({ code: 'custom', message: `the target names no address: give ${wanted}` })
    }
  })
}

/** The schema of one field of a target. */
export function targetFieldSchema(field: TargetField): z.ZodType<string | undefined> {
  const schema = plainFieldSchema(field).describe(field.describe)
  if (field.default !== undefined) return schema.default(field.default)
  return field.optional === true ? schema.optional() : schema
}

function plainFieldSchema(field: TargetField): z.ZodType<string, string> {
  if (field.type === 'choice') return z.enum(field.of)
  if (field.type === 'url') return urlSchema.refine((url) => !url.includes('?'), 'no query in this address')
  return z.string().max(256).refine(compilePattern(field.matches), `must match ${field.matches}`)
}

function secretSchemaOf(entry: CatalogueEntry): z.ZodType<Secret> {
  const all = Object.keys(entry.secret.fields)
  const forms = (entry.secret.forms ?? [all]).map((names) =>
    z.strictObject(Object.fromEntries(names.map((name) => [name, secretFieldSchema(entry.secret.fields[name])]))),
  )
  const [first, ...others] = forms
  if (first === undefined) throw new RevenantError('CATALOGUE_INVALID', `${entry.kind} has no form of its secret`)
  return others.length === 0 ? first : z.union([first, ...others])
}

function secretFieldSchema(field: SecretField | undefined): z.ZodType<string> {
  if (field?.matches === undefined) return secretText
  return secretText.refine(compilePattern(field.matches), 'not the shape of this field')
}

function madeUp(entry: CatalogueEntry, secret: Secret, of: Exclude<Decoy, 'nobody'>): Secret {
  const made = Object.entries(secret).map(([name, value]) => {
    const field = entry.secret.fields[name]
    if (field === undefined || (field.public === true && of === 'same-principal')) return [name, value]
    return [name, madeUpField(field, value, of)]
  })
  return Object.fromEntries(made)
}

function madeUpField(field: SecretField, value: string, of: Exclude<Decoy, 'nobody'>): string {
  if (field.decoy === 'token') return madeUpToken(value, field.keep, of)
  if (field.decoy === 'password') return madeUpPassword()
  return field.decoy === 'email' ? madeUpEmail() : madeUpName()
}
