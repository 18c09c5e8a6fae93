import { openBox } from '../../src/custody/box.ts'
import { isAside } from '../../src/intake/found/candidate.ts'
import { foundInText } from '../../src/intake/workstation/import-workstation.ts'
import { storeAt } from '../../src/intake/workstation/stores.ts'

/** What a store holds: the reason, or kind, place and parts. */
export async function told(path: string, text: string): Promise<string[]> {
  const store = storeAt(`home/${path}`)
  if (store === undefined) throw new Error(`no store reads ${path}`)
  return (await foundInText(store, path, text)).map((each) => {
    if (isAside(each)) return each.reason
    const { kinds, place } = each
    const at = place === undefined ? 'nowhere' : `${place.host}${place.port === undefined ? '' : `:${place.port}`}`
    return `${kinds === 'web' ? 'web' : kinds.join('|')} ${at} ${JSON.stringify(openBox(each.held))}`
  })
}
