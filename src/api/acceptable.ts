import type { FastifyRequest } from 'fastify'
import { Problem } from './problem.ts'
import type { Route } from './route.ts'

/** What every address answers with when something is wrong, and most when nothing is. */
const ALWAYS = ['application/json', 'application/problem+json']

/**
 * Throws 406 (RFC 9110 §15.5.7) for whoever takes nothing that an address may answer with: neither what it holds, nor JSON, nor a problem.
 * A way that leads elsewhere has no content to take.
 */
export function refuseUnacceptable({ type, status }: Pick<Route, 'type' | 'status'>, { headers }: FastifyRequest): void {
  if (headers.accept === undefined || status === 303) return
  const own = type?.split(';')[0]?.trim()
  const answers = [...(own === undefined ? [] : [own]), ...ALWAYS]
  if (answers.some((answer) => takes(headers.accept ?? '', answer))) return
  throw new Problem(406, `This address answers with ${own ?? ALWAYS[0]}.`)
}

/** Whether an `Accept` header takes a media type: the most exact of its ranges decides (RFC 9110 §12.5.1). */
export function takes(accept: string, type: string): boolean {
  const ranges = accept.split(',').flatMap((each) => rangeOf(each))
  // What names nothing at all refuses nothing.
  if (ranges.length === 0) return true
  const [group] = type.split('/')
  const found = [type, `${group}/*`, '*/*'].map((name) => ranges.find(({ range }) => range === name))
  return (found.find((each) => each !== undefined)?.quality ?? 0) > 0
}

function rangeOf(text: string): { range: string; quality: number }[] {
  const [range = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  if (range === '') return []
  const weight = parameters.map((each) => /^q=([01](?:\.[0-9]{0,3})?)$/.exec(each)?.[1]).find((each) => each !== undefined)
  return [{ range, quality: Number(weight ?? 1) }]
}
