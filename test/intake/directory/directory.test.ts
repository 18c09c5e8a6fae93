import { afterEach, describe, expect, it } from 'vitest'
import { element, integer, octets, TAG } from '../../../probes/ldap/ber.ts'
import { OP } from '../../../probes/ldap/message.ts'
import { type Directory, openDirectory } from '../../../src/intake/directory/directory.ts'
import { directoryOptions } from '../../../src/intake/directory/options.ts'
import { openScript, type Request, response, type ScriptedLdap } from '../../probes/ldap-script.ts'

const PAGED = '1.2.840.113556.1.4.319'
const PASSWORD = 'a-Secret-of-the-directory'
const BASE = 'ou=people,dc=example,dc=com'

const entry = (id: number, uid: string) =>
  element(
    TAG.sequence,
    integer(id),
    element(
      OP.searchEntry,
      octets(`uid=${uid},${BASE}`),
      element(TAG.sequence, element(TAG.sequence, octets('uid'), element(TAG.set, octets(uid)))),
    ),
  )

const reference = (id: number) => element(TAG.sequence, integer(id), element(0x73, octets(`ldap://127.0.0.1/${BASE}`)))

/** The end of a page; no cookie: without the control that tells of pages. */
function done(id: number, cookie: string | undefined, code = 0): Buffer {
  const end = element(OP.searchDone, integer(code, TAG.enumerated), octets(''), octets(`because of ${PASSWORD}`))
  if (cookie === undefined) return element(TAG.sequence, integer(id), end)
  const value = element(TAG.sequence, integer(0), octets(cookie))
  const control = element(TAG.sequence, octets(PAGED), element(TAG.octets, value))
  return element(TAG.sequence, integer(id), end, element(0xa0, control))
}

type Pages = ((id: number) => readonly (Buffer | 'hang up')[])[]

describe('pages of a directory whose every byte is spelt', () => {
  let server: ScriptedLdap | undefined
  let directory: Directory | undefined
  afterEach(async () => {
    directory?.close()
    await server?.stop()
  })

  async function read(pages: Pages, bind = 0): Promise<string[]> {
    let n = 0
    server = await openScript(({ id, op }: Request) => {
      if (op === OP.bindRequest) return [response(id, OP.bindResponse, { code: bind, diagnostic: `not ${PASSWORD}` })]
      return op === OP.searchRequest ? (pages[Math.min(n++, pages.length - 1)]?.(id) ?? []) : []
    })
    const options = directoryOptions.parse({
      ...{ url: `ldap://127.0.0.1:${server.port}`, flavour: 'openldap', bindDn: 'cn=reader', password: 'env:X' },
      ...{ bases: [BASE], timeout: '1s' },
    })
    directory = await openDirectory(options, { readReference: async () => PASSWORD }, new AbortController().signal)
    const filter = new directory.ldapts.PresenceFilter({ attribute: 'uid' })
    const found: string[] = []
    for await (const page of directory.pages(BASE, { filter, attributes: ['uid'] }))
      found.push(...page.flatMap(({ values }) => (values.get('uid') ?? []).map(String)))
    return found
  }

  it('goes on after an empty page that is not the last one, by the cookie that it was given', async () => {
    const pages: Pages = [
      (id) => [entry(id, 'a'), done(id, 'first')],
      (id) => [done(id, 'second')],
      (id) => [entry(id, 'b'), entry(id, 'c'), done(id, 'third')],
      (id) => [done(id, '')],
    ]
    expect(await read(pages)).toEqual(['a', 'b', 'c'])
    const searches = (server?.requests ?? []).filter(({ op }) => op === OP.searchRequest)
    expect(searches.map(({ bytes }) => ['first', 'second', 'third'].filter((cookie) => bytes.includes(cookie)))).toEqual([
      [],
      ['first'],
      ['second'],
      ['third'],
    ])
  })

  it.each<[string, Pages, string, RegExp]>([
    ['no word of pages', [(id) => [entry(id, 'a'), done(id, undefined)]], 'SOURCE_REFUSED', /no pages/],
    ['a size limit', [(id) => [entry(id, 'a'), done(id, '', 4)]], 'SOURCE_REFUSED', /sizeLimitExceeded/],
    ['a part elsewhere', [(id) => [entry(id, 'a'), reference(id), done(id, '')]], 'SOURCE_REFUSED', /another server/],
    ['only empty pages', [(id) => [done(id, 'more')]], 'SOURCE_REFUSED', /without an end/],
    ['a connection that ends inside a page', [(id) => [entry(id, 'a'), 'hang up']], 'SOURCE_UNREACHABLE', /closed/],
    [
      'a connection that ends between two pages',
      [(id) => [entry(id, 'a'), done(id, 'more'), 'hang up'], (id) => [entry(id, 'anonymous'), done(id, '')]],
      'SOURCE_UNREACHABLE',
      /closed/,
    ],
    ['silence', [() => []], 'SOURCE_UNREACHABLE', /closed|too long/],
    [
      'bytes of another protocol',
      [() => [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]],
      'SOURCE_UNREACHABLE',
      /closed|too long/,
    ],
  ])('faults at %s, and repeats nothing of what the server said', async (_name, pages, code, message) => {
    const refused = await read(pages).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code, message: expect.stringMatching(message) })
    expect([String(refused), refused instanceof Error ? refused.cause : 'no error']).toEqual([
      expect.not.stringContaining(PASSWORD),
      undefined,
    ])
    // Whatever ended, nobody signed in anew or asked without a name.
    expect(server?.requests.filter(({ op }) => op === OP.bindRequest).length).toBe(1)
  })

  it('faults where it is not let in', async () => {
    const refused = await read([], 49).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'SOURCE_REFUSED', message: expect.stringMatching(/invalidCredentials/) })
    expect(String(refused)).not.toContain(PASSWORD)
  })
})
