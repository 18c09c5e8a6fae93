import { expect } from 'vitest'
import { OP } from '../../probes/ldap/message.ts'
import { openScript, response } from '../probes/ldap-script.ts'
import type { Marks } from './marks.ts'
import type { Run } from './run.ts'

/** RFC 4511 §4.1.9 */
const [DENIED, WRONG] = [50, 49]

/** Sources that are directories, with a marked password each, at a server that quotes it in whatever it answers. */
export async function plantDirectories(marks: Marks, env: Record<string, string>) {
  const known = marks.plant('directory password, right')
  const wrong = marks.plant('directory password, wrong')
  env.DIRECTORY_RIGHT = known
  env.DIRECTORY_WRONG = wrong
  const server = await openScript(({ id, op, bytes }) => {
    const diagnostic = `${known} ${wrong}`
    if (op === OP.bindRequest) return [response(id, OP.bindResponse, { code: bytes.includes(known) ? 0 : WRONG, diagnostic })]
    return op === OP.searchRequest ? [response(id, OP.searchDone, { code: DENIED, diagnostic })] : []
  })
  const common = {
    ...{ source: 'ldap', url: `ldap://127.0.0.1:${server.port}`, flavour: 'openldap', bindDn: 'cn=reader,dc=example,dc=com' },
    ...{ bases: ['ou=people,dc=example,dc=com'], every: '7d', timeout: '5s' },
  }
  const sources = [
    { ...common, name: 'directory-right', password: 'env:DIRECTORY_RIGHT' },
    { ...common, name: 'directory-wrong', password: 'env:DIRECTORY_WRONG' },
  ]

  async function tell(run: Run): Promise<void> {
    for (const { name } of sources) {
      const { exit, stderr } = await run(`sources pull ${name}`)
      expect([name, exit, stderr]).toEqual([name, 1, expect.stringMatching(/result code/)])
    }
    for (const password of [known, wrong]) expect(server.received().includes(password)).toBe(true)
  }

  return { sources, tell, stop: server.stop }
}
