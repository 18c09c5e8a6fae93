import { expect } from 'vitest'
import type { Marks } from './marks.ts'
import type { Note } from './receivers.ts'

/** Sources of leavers, each with marked secrets; their entries in the configuration. */
export function plantSources(marks: Marks, env: Record<string, string>): Record<string, unknown>[] {
  env.SCIM_TOKEN = marks.plant('scim token')
  return [{ name: 'provider', source: 'scim', onInactive: 'terminate', tokens: ['env:SCIM_TOKEN'] }]
}

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'

/** Requests with secrets where they belong, and where they do not. */
export async function tellSources(
  address: string,
  marks: Marks,
  env: Readonly<Record<string, string>>,
  note: Note,
): Promise<void> {
  const mark = (place: string) => marks.plant(`scim: ${place}`)
  let n = 0
  const ask = async (method: string, path: string, body: string | undefined, status: number, token = env.SCIM_TOKEN ?? '') => {
    const answer = await fetch(`${address}/scim/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
      ...(body === undefined ? {} : { body }),
    })
    const text = await answer.text()
    note(`SCIM answer ${++n}`, `${JSON.stringify([...answer.headers])}${text}`)
    expect([method, path.replace(/=.*/, ''), answer.status, n]).toEqual([method, path.replace(/=.*/, ''), status, n])
    return text
  }
  const json = (value: unknown) => JSON.stringify(value)
  const made = await ask(
    'POST',
    '/Users',
    json({ schemas: [USER], userName: 'leaver-scim', password: mark('password'), [mark('a key')]: 1 }),
    201,
  )
  const id = String(Object.entries(JSON.parse(made)).find(([key]) => key === 'id')?.[1])
  const patch = (value: unknown, status: number) =>
    ask('PATCH', `/Users/${id}`, json({ schemas: [PATCH], Operations: [value] }), status)
  await patch({ op: 'replace', path: 'password', value: mark('new password') }, 200)
  await patch({ op: 'replace', path: 'active', value: mark('no boolean') }, 400)
  await patch({ op: 'replace', path: mark('no path'), value: 1 }, 400)
  await patch({ op: mark('no op'), path: 'active', value: false }, 400)
  await ask('POST', '/Users', `{"userName":"${mark('no JSON')}`, 400)
  await ask('POST', '/Users', json({ schemas: [mark('no schema')], userName: 7 }), 400)
  await ask('GET', `/Users?filter=${encodeURIComponent(`userName is "${mark('filter')}"`)}`, undefined, 400)
  await ask('GET', `/Users/${mark('no id')}`, undefined, 404)
  await ask('GET', '/Users', undefined, 401, mark('wrong token'))
  await patch({ op: 'replace', value: { active: false } }, 200)
}
