import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificate } from './certificates.ts'
import { freePort, publicFolder, startServer } from './spawned.ts'

export const NGINX = '/usr/sbin/nginx'

export interface NginxServer {
  origin: string
  stop(): Promise<void>
}

/** The one right bearer token, API key and session of the server; `alice` has the password `right`. */
export const NGINX_TOKEN = 'nginx-token-ABCDEFGHIJKLMNOPQRSTUV'

/**
 * Debian's nginx with: `/basic` (htpasswd), `/bearer` (one token, RFC 6750 challenges), `/app` (a session cookie, redirect to
 * `/login`), `/soft` (200 with the login page), `/open` (lets everybody in), `/moved` (to another origin), `/slash` (needs a
 * slash), `/limited` (one request a minute).
 */
export async function openNginx(certificate?: Certificate): Promise<NginxServer> {
  const folder = publicFolder('revenant-nginx-')
  const port = await freePort()
  mkdirSync(join(folder.path, 'www/slash'), { recursive: true })
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text)
  write('htpasswd', `alice:{SHA}${createHash('sha1').update('right').digest('base64')}\n`)
  write('www/me.json', '{"user":"alice"}')
  write('www/login.html', '<!doctype html><title>Sign in</title><form><input type="password" name="p"></form>')
  write('www/app.html', '<!doctype html><title>App</title><a href="/logout">Log out</a>')
  if (certificate !== undefined) {
    write('tls.crt', certificate.cert)
    write('tls.key', certificate.key)
  }
  write('nginx.conf', configuration(folder.path, port, certificate !== undefined))
  try {
    const stop = await startServer(NGINX, ['-p', folder.path, '-c', 'nginx.conf', '-e', 'stderr'], port)
    return {
      origin: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
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

function configuration(folder: string, port: number, tls: boolean): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`)
  return `
daemon off; master_process off; pid ${folder}/nginx.pid;
events { worker_connections 64; }
http {
  access_log off; ${temporary.join(' ')}
  types { application/json json; text/html html; }
  map $http_authorization $token { default wrong; "" none; "Bearer ${NGINX_TOKEN}" right; }
  map $cookie_sid $session { default dead; ${NGINX_TOKEN} live; }
  limit_req_zone $binary_remote_addr zone=one:64k rate=1r/m;
  limit_req_status 429;
  server {
    listen 127.0.0.1:${port}${tls ? ' ssl' : ''};
    ${tls ? `ssl_certificate ${folder}/tls.crt; ssl_certificate_key ${folder}/tls.key;` : ''}
    root ${folder}/www;
    location = /basic { auth_basic "nginx"; auth_basic_user_file ${folder}/htpasswd; try_files /me.json =500; }
    location = /bearer {
      if ($token = none) { add_header WWW-Authenticate 'Bearer realm="api"' always; return 401; }
      if ($token = wrong) { add_header WWW-Authenticate 'Bearer realm="api", error="invalid_token"' always; return 401; }
      try_files /me.json =500;
    }
    location = /app {
      if ($session = dead) { return 302 /login?next=/app; }
      add_header Set-Cookie "sid=rotated-by-the-server; HttpOnly";
      try_files /app.html =500;
    }
    location = /soft { try_files /login.html =500; }
    location = /open { try_files /me.json =500; }
    location = /moved { return 302 https://idp.example/authorize?token=$http_authorization; }
    location /slash { }
    location = /limited { limit_req zone=one; try_files /me.json =500; }
    location = /denied { deny all; }
  }
}
`
}
