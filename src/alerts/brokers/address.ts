/** Where a broker listens. */
export interface Address<Scheme extends string = string> {
  scheme: Scheme
  host: string
  port: number
}

/**
 * The addresses of a cluster: `scheme://host:port`, several separated by commas, all of one scheme. Undefined where the text is
 * anything else: users, passwords, paths and queries have no place in it.
 *
 * @param ports the schemes allowed, with the port that each stands for
 */
export function addressesOf<Scheme extends string>(
  value: string,
  ports: Readonly<Record<Scheme, number>>,
): [Address<Scheme>, ...Address<Scheme>[]] | undefined {
  const [first, ...rest] = value.split(',').map((part) => addressOf(part.trim(), ports))
  if (first === undefined) return undefined
  const others = rest.filter((address) => address?.scheme === first.scheme).filter((address) => address !== undefined)
  return others.length === rest.length ? [first, ...others] : undefined
}

/** What `open` makes of the first address that lets it; otherwise rejects as the last one did. */
export async function firstOf<Scheme extends string, Link>(
  addresses: readonly [Address<Scheme>, ...Address<Scheme>[]],
  open: (address: Address<Scheme>) => Promise<Link>,
): Promise<Link> {
  const [first, ...rest] = addresses
  let trying = open(first)
  for (const next of rest) trying = trying.catch(() => open(next))
  return trying
}

function addressOf<Scheme extends string>(value: string, ports: Readonly<Record<Scheme, number>>): Address<Scheme> | undefined {
  const url = URL.parse(value)
  if (url === null || url.hostname === '' || hasMore(url)) return undefined
  for (const scheme in ports) {
    if (url.protocol !== `${scheme}:`) continue
    return { scheme, host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? ports[scheme] : Number(url.port) }
  }
  return undefined
}

function hasMore({ username, password, search, hash, pathname }: URL): boolean {
  return [username, password, search, hash, pathname === '/' ? '' : pathname].some((part) => part !== '')
}
