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
  for (const [section, keys] of sectionsOf(await iniLines(text))) {
    const password = keys.get('password')
    if (password === undefined) continue
    const { line } = password
    const address = keys.get('repository')?.value ?? (Object.hasOwn(INDEXES, section) ? INDEXES[section] : undefined)
    const place = address === undefined ? undefined : placeOfUrl(address)
    const username = keys.get('username')
    if (!password.clear || username?.clear === false) stored.push({ reason: 'unclear', line })
    else stored.push({ kinds: 'web', parts: loginParts(username?.value ?? '', password.value), place, line })
  }
  return stored
}
