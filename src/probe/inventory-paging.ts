import type { ListingFault } from '../domain/grant.ts'
import { compilePointer } from '../domain/pointer.ts'
import { type HttpAnswer, headerOf } from './http-answer.ts'
import type { Paging } from './inventory-schema.ts'

/** Where a list goes on: path and query; undefined: it has been read to its end. */
export type Next = { path: string } | { fault: ListingFault } | undefined

/** One page as it was asked for and what came. */
export interface Page {
  /** Origin, path and query of the request that began the list. */
  first: URL
  /** Of this page. */
  asked: URL
  answer: HttpAnswer
  /** Items of this page, and of all so far, this one included. */
  items: number
  soFar: number
}

/** What tells where a list goes on after a page. */
export function compilePaging(paging: Paging): (page: Page) => Next {
  switch (paging.kind) {
    case 'none':
      return () => undefined
    case 'link':
      return ({ answer, asked }) => follow(asked, nextLink(headerOf(answer, 'link')))
    case 'url': {
      const next = compilePointer(paging.next)
      const { query } = paging
      return ({ answer, asked, first }) => {
        const found = next(answer.json())
        const isBare = typeof found === 'string' && found !== '' && !/^(?:https?:)?\//.test(found)
        return query !== undefined && isBare ? withQuery(first, query, found) : follow(asked, found)
      }
    }
    case 'cursor': {
      const next = compilePointer(paging.next)
      return ({ answer, first }) => {
        const cursor = next(answer.json())
        if (cursor === undefined || cursor === null || cursor === '' || cursor === false) return undefined
        return typeof cursor === 'string' || typeof cursor === 'number'
          ? withQuery(first, paging.query, String(cursor))
          : { fault: 'unexpected_answer' }
      }
    }
    case 'page': {
      const last = paging.last === undefined ? undefined : compilePointer(paging.last)
      return ({ answer, asked, first, items }) => {
        const at = Number(asked.searchParams.get(paging.query) ?? paging.from)
        const most = last?.(answer.json())
        if (last !== undefined && (typeof most !== 'number' || !Number.isSafeInteger(most))) return { fault: 'unexpected_answer' }
        const isLast = typeof most === 'number' ? at >= most : items === 0
        return isLast ? undefined : withQuery(first, paging.query, String(at + 1))
      }
    }
    case 'offset':
      return ({ first, items, soFar }) => (items === 0 ? undefined : withQuery(first, paging.query, String(soFar)))
  }
}

/** The address in a list's own words: only one on the origin that the credential is bound to is followed. */
function follow(asked: URL, next: unknown): Next {
  if (next === undefined || next === null || next === '') return undefined
  if (typeof next !== 'string' || next.length > 8_192) return { fault: 'unexpected_answer' }
  const url = URL.parse(next, asked)
  if (url === null || url.origin !== asked.origin || url.username !== '' || url.password !== '') return { fault: 'paging_origin' }
  // The same list, further on: an answer must not send the credential to another operation.
  if (url.pathname !== asked.pathname) return { fault: 'paging_origin' }
  return { path: `${url.pathname}${url.search}` }
}

function withQuery(first: URL, name: string, value: string): Next {
  const url = new URL(first)
  url.searchParams.set(name, value)
  return { path: `${url.pathname}${url.search}` }
}

/** RFC 8288: the target of `rel=next`. */
function nextLink(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  for (const found of header.slice(0, 16_384).matchAll(/<([^<>]{1,8192})>([^<]{0,1024})/g))
    if (/;\s*rel\s*=\s*(?:"(?:[^"]{0,200} )?next(?: [^"]{0,200})?"|next\b)/i.test(found[2] ?? '')) return found[1]
  return undefined
}
