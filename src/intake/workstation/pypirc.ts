import { UNREADABLE_PLACE } from '../found/candidate.ts'
import { placeOfUrl } from '../found/place.ts'
import { iniLines, sectionsOf } from './ini-lines.ts'
import { loginParts, type Stored } from './stored.ts'

const INDEXES: Readonly<Record<string, string>> = {
  pypi: 'https://upload.pypi.org/legacy/',
  testpypi: 'https://test.pypi.org/legacy/',
}

/** `.pypirc` (packaging.python.org): a section for each index, with the address where it is not PyPI's own. */
export async function readPypirc(text: string): Promise<Stored[]> {
  const stored: Stored[] = []
  const sections = sectionsOf(await iniLines(text, true))
  // What every section has that does not say otherwise (configparser).
  const common = sections.get('DEFAULT')
  for (const [section, keys] of sections) {
    const password = keys.get('password')
    if (password === undefined) continue
    const { line } = password
    const repository = keys.get('repository') ?? common?.get('repository')
    const username = keys.get('username') ?? common?.get('username')
    const address = repository?.value ?? (Object.hasOwn(INDEXES, section) ? INDEXES[section] : undefined)
    const place = address === undefined ? undefined : placeOfUrl(address)
    if (!password.clear || username?.clear === false) stored.push({ reason: 'unclear', line })
    else if (repository?.clear === false || (address !== undefined && place === undefined))
      stored.push({ reason: 'unclear', why: UNREADABLE_PLACE, line })
    else stored.push({ kinds: 'web', parts: loginParts(username?.value, password.value), place, line })
  }
  return stored
}
