import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import { parseReference, REFERENCE_FORMS } from '../../domain/reference.ts'
import { resolved, type SinkDeps } from './sink.ts'

/** `to`: a URL, or a reference to one, since many hold a secret. */
export function urlField(description: string) {
  return z
    .string()
    .refine(
      (value) => isHttpUrl(value) || parseReference(value) !== undefined,
      `give an https:// (or, in clear, http://) URL without user, password or fragment, or a reference to one (${REFERENCE_FORMS})`,
    )
    .describe(description)
}

/** A URL that is no secret and cannot be a reference. */
export function plainUrlField(description: string) {
  return z
    .string()
    .refine(isHttpUrl, 'give an https:// (or, in clear, http://) URL without user, password or fragment')
    .describe(description)
}

/** A path below an address that an entry gives as a base, with or without a slash at its end. */
export function below(base: string, path: string): string {
  const url = new URL(base)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`
  return url.href
}

/** Many receivers put a secret into the path: their URL is a reference, and is never quoted. */
export function addressOf(entry: { name: string; to: string }, deps: SinkDeps): string {
  if (isHttpUrl(entry.to)) return entry.to
  const url = resolved(entry, deps, ['to']).to?.trim() ?? ''
  if (!isHttpUrl(url))
    throw new RevenantError('CONFIG_INVALID', `sink ${entry.name}: to (${entry.to}) does not hold an https:// or http:// URL`)
  return url
}

function isHttpUrl(value: string): boolean {
  const url = URL.parse(value)
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && !value.includes('#')
}
