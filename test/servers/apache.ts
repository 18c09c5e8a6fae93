import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, publicFolder, startServer } from './spawned.ts'

export const APACHE = '/usr/sbin/apache2'
const MODULES = '/usr/lib/apache2/modules'

export interface ApacheServer {
  origin: string
  /** A forward proxy that wants a password (407). */
  proxy: string
  stop(): Promise<void>
}

/** How long a Digest nonce lasts there, in seconds. */
export const NONCE_LIFETIME = 1

/**
 * Debian's Apache with: `/basic` (any user of the file), `/only-bob` (`Require user bob`, so that alice's right password gets
 * 401), `/elsewhere` (`Require ip` of another network, 403 to everybody), `/digest` (nonces of a second), `/open`, `/login`
 * (200 with a form) and `/app` (redirect to it). alice and bob have the password `right`.
 */
export async function openApache(): Promise<ApacheServer> {
  const folder = publicFolder('revenant-apache-')
  const [port, proxyPort] = [await freePort(), await freePort()]
  const www = join(folder.path, 'www')
  mkdirSync(www)
  const sha = createHash('sha1').update('right').digest('base64')
  writeFileSync(join(folder.path, 'passwords'), `alice:{SHA}${sha}\nbob:{SHA}${sha}\n`)
  writeFileSync(join(folder.path, 'digests'), `alice:lab:${digestSecret('alice', 'lab', 'right')}\n`)
  for (const name of ['basic', 'only-bob', 'elsewhere', 'digest', 'open'])
    writeFileSync(join(www, `${name}.json`), '{"user":"somebody"}')
  writeFileSync(join(www, 'login.html'), '<html><title>Sign in</title><form><input type=password></form></html>')
  writeFileSync(join(folder.path, 'apache.conf'), configuration(folder.path, port, proxyPort))
  try {
    const stop = await startServer(APACHE, ['-d', folder.path, '-f', join(folder.path, 'apache.conf'), '-DFOREGROUND'], port)
    return {
      origin: `http://127.0.0.1:${port}`,
      proxy: `http://127.0.0.1:${proxyPort}`,
      stop: async () => {
        await stop()
        folder.remove()
      },
    }
  } catch (error) {
    folder.remove()
    throw error
  }
}

/** HA1 of RFC 7616 §3.4.2 with MD5, as the password file holds it. */
export function digestSecret(user: string, realm: string, password: string): string {
  return createHash('md5').update(`${user}:${realm}:${password}`).digest('hex')
}

function configuration(folder: string, port: number, proxyPort: number): string {
  const names = [
    'mpm_event',
    'authn_core',
    'authn_file',
    'authz_core',
    'authz_user',
    'authz_host',
    'auth_basic',
    'auth_digest',
    'alias',
    'mime',
    'proxy',
    'proxy_http',
    'unixd',
  ]
  const modules = names
    .filter((name) => existsSync(`${MODULES}/mod_${name}.so`))
    .map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`)
  const basic = (requirement: string) => `AuthType Basic
    AuthName lab
    AuthUserFile ${folder}/passwords
    ${requirement}`
  return `
${modules.join('\n')}
ServerName 127.0.0.1
PidFile ${folder}/apache.pid
ErrorLog "|/bin/cat"
DefaultRuntimeDir ${folder}
ServerLimit 1
StartServers 1
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8
<IfModule unixd_module>
  User www-data
  Group www-data
</IfModule>
DocumentRoot ${folder}/www
TypesConfig /dev/null
AddType application/json .json
AddType text/html .html
<Directory ${folder}/www>
  Require all granted
</Directory>
AliasMatch "^/(basic|only-bob|elsewhere|digest|open)$" "${folder}/www/$1.json"
Alias /login "${folder}/www/login.html"
Redirect 302 /app /login
Listen 127.0.0.1:${port}
Listen 127.0.0.1:${proxyPort}
<VirtualHost 127.0.0.1:${port}>
  <Location /basic>
    ${basic('Require valid-user')}
  </Location>
  <Location /only-bob>
    ${basic('Require user bob')}
  </Location>
  <Location /elsewhere>
    ${basic('Require ip 203.0.113.0/24')}
  </Location>
  <Location /digest>
    AuthType Digest
    AuthName lab
    AuthUserFile ${folder}/digests
    AuthDigestNonceLifetime ${NONCE_LIFETIME}
    Require valid-user
  </Location>
</VirtualHost>
<VirtualHost 127.0.0.1:${proxyPort}>
  ProxyRequests On
  <Proxy *>
    ${basic('Require valid-user')}
  </Proxy>
</VirtualHost>
`
}
