import type { Config } from '../../config/config.ts'

/**
 * Where people open the page.
 *
 * @param address where the server listens; left out: as the configuration says, for whoever does not ask inside the daemon
 */
export function pageUrl({ publicUrl, listen: { host, port }, access }: Config, address?: string): string {
  if (publicUrl !== undefined) return publicUrl
  const shown = address ?? `${access.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`
  // Every address of this machine: of those one leads back to it from itself, or from where a container's port is published to.
  return shown.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
}
