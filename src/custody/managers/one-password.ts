import { z } from 'zod'
import type { OnePasswordConfig } from '../../domain/secret-manager.ts'
import type { ReadReference } from '../local-reference.ts'
import { type Answer, answered, openHttp, pemOf, segments } from './http.ts'
import { type ManagedPlace, ManagerError, type SecretManager } from './manager.ts'
import { openTurnstile } from './turnstile.ts'

/** A 1Password Connect server. Vaults and items are named by id, or by a name that only one of them has. */
export function openOnePassword(config: OnePasswordConfig, readLocal: ReadReference): SecretManager {
  const { caFile } = config
  const http = openHttp(config.address, async () => (caFile === undefined ? {} : { ca: await pemOf(caFile) }))
  const turn = openTurnstile()
  return {
    read: (place) =>
      turn(async (signal) => {
        // Read each time: tokens of Connect are replaced, not renewed.
        const headers = { authorization: `Bearer ${await readLocal(config.token)}` }
        const get = (path: string) => http.ask({ method: 'GET', path, headers, signal })
        const { vault, item } = partsOf(place)
        const vaults = segments('v1', 'vaults')
        const vaultId = isId(vault) ? vault : only(await get(`${vaults}${filter('name', vault)}`), 'vaults')
        const items = `${vaults}${segments(vaultId, 'items')}`
        const itemId = isId(item) ? item : only(await get(`${items}${filter('title', item)}`), 'items')
        return fieldsOf(answered(fullItem, await get(`${items}${segments(itemId)}`)), place.field)
      }),
    close: () => http.close(),
  }
}

const listed = z.array(z.object({ id: z.string().regex(/^[a-z0-9]{26}$/) }))
const fullItem = z.object({
  fields: z.array(z.object({ id: z.string(), label: z.string().optional(), value: z.string().optional() })).optional(),
})

function isId(text: string): boolean {
  return /^[a-z0-9]{26}$/.test(text)
}

function partsOf({ path, version }: ManagedPlace): { vault: string; item: string } {
  const [vault, item, ...rest] = path.split('/')
  if (vault === undefined || item === undefined || rest.length > 0)
    throw new ManagerError('unfit', 'names its secrets VAULT/ITEM: where a name has a slash in it, give the id')
  if (version !== undefined) throw new ManagerError('unfit', 'answers with the newest version alone')
  return { vault, item }
}

/** A filter as SCIM has it. */
function filter(field: 'name' | 'title', value: string): string {
  return `?${new URLSearchParams({ filter: `${field} eq ${JSON.stringify(value)}` })}`
}

function only(answer: Answer, what: string): string {
  const found = answered(listed, answer)
  const [first] = found
  if (first === undefined) throw new ManagerError('missing', `has no such one among its ${what}`)
  if (found.length > 1) throw new ManagerError('unfit', `has ${found.length} ${what} of that name: give the id`)
  return first.id
}

/** Fields go by their label, or by their id. Where several go by the one that is wanted, none of them is picked. */
function fieldsOf({ fields = [] }: z.output<typeof fullItem>, wanted: string | undefined): string {
  const filled = fields.filter(({ value }) => value !== undefined && value !== '')
  const goingBy = (name: string) => filled.filter(({ id, label }) => label === name || id === name)
  if (wanted !== undefined) {
    const found = goingBy(wanted)
    if (found.length > 1)
      throw new ManagerError('unfit', `has ${found.length} fields there that go by that name: give a label or an id that one has`)
    return JSON.stringify(Object.fromEntries(found.map(({ value }) => [wanted, value])))
  }
  // A label that several have names none of them: they go by their ids.
  const isOwn = (label: string) => filled.filter((field) => field.label === label).length === 1
  const named = filled.map(({ id, label, value }) => [label !== undefined && isOwn(label) ? label : id, value] as const)
  if (named.some(([name]) => goingBy(name).length > 1))
    throw new ManagerError(
      'unfit',
      'has fields there of which one has the label that is the id of another: give each with #FIELD',
    )
  return JSON.stringify(Object.fromEntries(named))
}
