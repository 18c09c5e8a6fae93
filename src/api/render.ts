import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { Answer, Route } from './route.ts'

/** An answer as it is sent. */
export interface Rendered {
  status: number
  headers: Record<string, string>
  cookies: readonly string[]
  /** Undefined: no content. */
  content: string | Readable | undefined
  /** False: it holds what is shown this once. */
  repeatable: boolean
}

const JSON_TYPE = 'application/json; charset=utf-8'

export function render(answer: Answer<unknown>, route: Route, request: FastifyRequest): Rendered {
  const bare = { status: route.status, headers: {}, cookies: [], content: undefined, repeatable: true }
  if ('stream' in answer) {
    const { stream, type, filename } = answer
    const name = filename === undefined ? {} : { 'content-disposition': `attachment; filename="${filename}"` }
    // A proxy (nginx) would keep events back until it has a bufferful.
    const live = type === 'text/event-stream' ? { 'x-accel-buffering': 'no' } : {}
    return { ...bare, headers: { 'content-type': type, ...name, ...live }, content: stream, repeatable: false }
  }
  if ('redirect' in answer) {
    return { ...bare, status: 303, headers: { location: answer.redirect }, cookies: answer.cookies ?? [], repeatable: false }
  }
  const { body, next, location, cookies = [], once } = answer
  const headers = {
    ...(location === undefined ? {} : { location }),
    ...(next === undefined ? {} : { link: `<${nextPage(request, next)}>; rel="next"` }),
  }
  const repeatable = once !== true && cookies.length === 0
  if (route.status === 204) return { ...bare, headers, cookies, repeatable }
  const content = typeof body === 'string' && route.type !== undefined ? body : JSON.stringify(body)
  return { ...bare, headers: { ...headers, 'content-type': route.type ?? JSON_TYPE }, cookies, content, repeatable }
}

/** The same address and query with another cursor. */
function nextPage(request: FastifyRequest, cursor: string): string {
  const url = new URL(request.url, 'http://revenant.invalid')
  url.searchParams.set('cursor', cursor)
  return `${url.pathname}${url.search}`
}
