import { randomBytes } from 'node:crypto'
import type { Door } from './door.ts'
import { JONAS, MAYA } from './people.ts'
import { newKeyPair, type SshServer } from './ssh-server.ts'
import { type KeepSecret, LIMITS, type Stage } from './stage.ts'

/** The gap that offboarding leaves most often: the password was locked, the key was forgotten. */
export function stageBastion(server: SshServer, keep: KeepSecret): Stage {
  const system = 'bastion'
  const canary = newKeyPair()
  const keys = { maya: newKeyPair(), jonas: newKeyPair() }
  const password = randomBytes(12).toString('base64url')
  for (const name of ['canary', 'maya', 'jonas'])
    server.addAccount(name, name === 'maya' ? password : randomBytes(18).toString('hex'))
  server.authorizeKey('canary', canary.publicKey)
  server.authorizeKey('maya', keys.maya.publicKey)
  server.lockPassword('maya', true)
  const of = (identity: string, principal: string) => ({ identity, system, principal })
  return {
    system: {
      name: system,
      probe: 'ssh',
      target: { host: '127.0.0.1', port: server.port, hostKey: server.hostKey },
      tier: 'standard',
      owner: 'platform@example.com',
      limits: LIMITS,
      controls: { canary: { username: 'canary', privateKey: keep(system, canary.privateKey) } },
    },
    credentials: [
      { ...of(MAYA, 'maya'), label: 'ssh password', kind: 'password', secret: { username: 'maya', password } },
      {
        ...of(MAYA, 'maya'),
        label: 'ssh key',
        kind: 'ssh-key',
        secret: { username: 'maya', privateKey: keys.maya.privateKey },
      },
      {
        ...of(JONAS, 'jonas'),
        label: 'ssh key',
        kind: 'ssh-key',
        secret: { username: 'jonas', privateKey: keys.jonas.privateKey },
      },
    ],
    doors: [
      {
        ...{
          name: 'maya-ssh-password',
          system,
          description: "Maya's password",
          closedBy: 'locks the password, as passwd -l does',
        },
        isOpen: () => !server.isPasswordLocked('maya'),
        revoke: () => server.lockPassword('maya', true),
        restore: () => server.lockPassword('maya', false),
      },
      keyDoor(server, 'maya-ssh-key', "Maya's ssh key, which a locked password does not stop", 'maya', keys.maya.publicKey),
      keyDoor(server, 'jonas-ssh-key', "Jonas's ssh key", 'jonas', keys.jonas.publicKey),
    ],
  }
}

function keyDoor(server: SshServer, name: string, description: string, account: string, publicKey: string): Door {
  return {
    name,
    system: 'bastion',
    description,
    closedBy: 'removes the key from the authorized keys',
    isOpen: () => server.isAuthorized(account, publicKey),
    revoke: () => server.removeKey(account, publicKey),
    restore: () => server.authorizeKey(account, publicKey),
  }
}
