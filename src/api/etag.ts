import { hash } from 'node:crypto'

/** Strong: of the bytes of an answer. */
export function etagOf(body: string): string {
  return `"${hash('sha256', body, 'base64url')}"`
}

/** If-None-Match, RFC 9110 §13.1.2: compared weakly. */
export function isKnown(header: string | undefined, etag: string): boolean {
  const tags = tagsOf(header).map((tag) => tag.replace(/^W\//, ''))
  return tags.includes(etag) || tags.includes('*')
}

/** If-Match, RFC 9110 §13.1.1: compared strongly. */
export function isMatched(header: string, etag: string): boolean {
  const tags = tagsOf(header)
  return tags.includes(etag) || tags.includes('*')
}

function tagsOf(header: string | undefined): string[] {
  return header?.split(',').map((tag) => tag.trim()) ?? []
}
