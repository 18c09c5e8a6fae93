import { RevenantError } from '../../domain/error.ts'
import { isLocal, parseReference } from '../../domain/reference.ts'
import type { SecretManagerConfig } from '../../domain/secret-manager.ts'
import { readLocal } from '../local-reference.ts'
import { pickField } from '../pick-field.ts'
import { ManagerError, type SecretManager } from './manager.ts'

/** The secret managers of one configuration, each loaded when it is first asked. */
export interface SecretManagers {
  /** Undefined: the configuration has none of that name. */
  find(name: string): { kind: SecretManagerConfig['manager']; open(): Promise<SecretManager> } | undefined
  close(): Promise<void>
}

export function openManagers(configs: readonly SecretManagerConfig[]): SecretManagers {
  const opened = new Map<string, Promise<SecretManager>>()
  return {
    find: (name) => {
      const config = configs.find((each) => each.name === name)
      if (config === undefined) return undefined
      const open = () => {
        const manager = opened.get(name) ?? openManager(config)
        opened.set(name, manager)
        return manager
      }
      return { kind: config.manager, open }
    },
    close: async () => {
      await Promise.allSettled([...opened.values()].map(async (manager) => (await manager).close()))
    },
  }
}

async function openManager(config: SecretManagerConfig): Promise<SecretManager> {
  switch (config.manager) {
    case 'vault':
      return (await import('./vault.ts')).openVault(config, readOwn)
    case 'aws':
      return (await import('./aws.ts')).openAws(config, readOwn)
    case 'gcp':
      return (await import('./gcp.ts')).openGcp(config, readOwn)
    case 'azure':
      return (await import('./azure.ts')).openAzure(config, readOwn)
    case '1password':
      return (await import('./one-password.ts')).openOnePassword(config, readOwn)
    case 'kubernetes':
      return (await import('./kubernetes.ts')).openKubernetes(config)
    case 'exec':
      return (await import('./exec.ts')).openExec(config)
  }
}

/** Reads what we sign in to a manager with: from this machine alone. */
async function readOwn(text: string): Promise<string> {
  const reference = parseReference(text)
  if (reference === undefined || !isLocal(reference))
    throw new ManagerError('refused', 'was not asked: what signs in to it is no reference to the environment or a file')
  try {
    return pickField(text, reference.field, await readLocal(text, reference))
  } catch (error) {
    throw error instanceof RevenantError ? new ManagerError('refused', `was not asked: ${error.message}`) : error
  }
}
