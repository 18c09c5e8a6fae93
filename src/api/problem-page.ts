import type { FastifyRequest } from 'fastify'
import type { Problem } from './problem.ts'
import type { Route } from './route.ts'

/** Whether a browser opened an address that answers with a page: then a problem is one too. */
export function wantsPage(route: Route, request: FastifyRequest): boolean {
  return route.type === 'text/html' && (request.headers.accept ?? '').includes('text/html')
}

/** A problem for people, without any style: none is allowed. */
export function problemPage({ message }: Problem): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Revenant</title></head>
<body><h1>You are not signed in</h1><p>${escaped(message)}</p><p><a href="/">Back to the start</a></p></body></html>
`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
}
