import { isHost, placeOf } from '../found/place.ts'
import { iniLines, sectionsOf } from './ini-lines.ts'
import { loginParts, type Stored } from './stored.ts'

const MYSQL_PORT = 3306

/** `.my.cnf` (MySQL and MariaDB, option files): the user and password of the clients, in any of its groups. */
export async function readMyCnf(text: string): Promise<Stored[]> {
  const stored: Stored[] = []
  for (const keys of sectionsOf(await iniLines(text)).values()) {
    const password = keys.get('password')
    if (password === undefined) continue
    const { line } = password
    const [user, host, port] = ['user', 'host', 'port'].map((key) => keys.get(key))
    // MySQL reads escapes, which the package leaves as they are.
    const isOdd = [password, user, host, port].some((each) => each !== undefined && (!each.clear || each.value.includes('\\')))
    if (isOdd || (host !== undefined && !isHost(host.value)) || (port !== undefined && !/^\d{1,5}$/.test(port.value))) {
      stored.push({ reason: 'unclear', line })
      continue
    }
    const place =
      host === undefined ? undefined : { ...placeOf(host.value), port: port === undefined ? MYSQL_PORT : Number(port.value) }
    stored.push({ kinds: ['mysql'], parts: loginParts(user?.value, password.value), place, line })
  }
  return stored
}
