import { placeOf } from '../found/place.ts'
import { iniLines, sectionsOf } from './ini-lines.ts'
import type { Stored } from './stored.ts'

const MYSQL_PORT = 3306

/** `.my.cnf` (MySQL and MariaDB, option files): the user and password of the clients, in any of its groups. */
export async function readMyCnf(text: string): Promise<Stored[]> {
  const stored: Stored[] = []
  for (const keys of sectionsOf(await iniLines(text)).values()) {
    const password = keys.get('password')
    if (password === undefined) continue
    const { line } = password
    const [user, host, port] = ['user', 'host', 'port'].map((key) => keys.get(key))
    if (!password.clear || user?.clear === false) {
      stored.push({ reason: 'unclear', line })
      continue
    }
    const place = host === undefined ? undefined : { ...placeOf(host.value), port: Number(port?.value) || MYSQL_PORT }
    stored.push({ kinds: ['mysql'], parts: { username: user?.value ?? '', password: password.value }, place, line })
  }
  return stored
}
