/** What secrets can be fetched from, beside this machine's environment and files. */
export const MANAGER_KINDS = ['vault', 'aws', 'gcp', 'azure', '1password', 'kubernetes', 'exec'] as const
export type ManagerKind = (typeof MANAGER_KINDS)[number]

/** An entry of `secretManagers`. Fields that hold a secret are references to the environment or to files. */
export type SecretManagerConfig =
  | VaultConfig
  | AwsConfig
  | GcpConfig
  | AzureConfig
  | OnePasswordConfig
  | KubernetesConfig
  | ExecConfig

/** HashiCorp Vault or OpenBao. */
export interface VaultConfig {
  name: string
  manager: 'vault'
  /** https://, or http:// on loopback; without a slash at its end. */
  address: string
  namespace?: string
  /** Path of a PEM file. */
  caFile?: string
  auth: VaultAuth
  /** The version of each KV engine by its mount: `{ secret: 2 }`. */
  kv: Record<string, 1 | 2>
}

export type VaultAuth =
  | { method: 'token'; token: string }
  | { method: 'approle'; roleId: string; secretId: string; mount: string }
  | { method: 'kubernetes'; role: string; jwt: string; mount: string }
  | { method: 'cert'; cert: string; key: string; role?: string; mount: string }

/** AWS Secrets Manager, the parameters of Systems Manager, and KMS. */
export interface AwsConfig {
  name: string
  manager: 'aws'
  region: string
  /** In place of AWS's own, for all three services. */
  endpoint?: string
  /** Left out: the default chain of AWS. */
  auth?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
}

/** Google Cloud's Secret Manager and KMS. */
export interface GcpConfig {
  name: string
  manager: 'gcp'
  /** Id or number. */
  project: string
  /** Of regional secrets; left out: global ones. */
  location?: string
  /** A reference to a JSON key of a service account. Left out: application default credentials. */
  credentials?: string
  /** In place of Google's own, for both services. */
  endpoint?: string
}

/** A key vault of Azure: secrets and keys. */
export interface AzureConfig {
  name: string
  manager: 'azure'
  address: string
  auth: AzureAuth
}

export type AzureAuth =
  | { method: 'client-secret'; tenantId: string; clientId: string; clientSecret: string; authority: string }
  | { method: 'workload-identity'; tenantId: string; clientId: string; token: string; authority: string }
  | { method: 'managed-identity'; clientId?: string }

/** A 1Password Connect server. */
export interface OnePasswordConfig {
  name: string
  manager: '1password'
  address: string
  caFile?: string
  token: string
}

/** Secrets of Kubernetes (or Docker) that are mounted as folders: `folder/SECRET/KEY`. */
export interface KubernetesConfig {
  name: string
  manager: 'kubernetes'
  folder: string
}

/** A program that prints a secret. */
export interface ExecConfig {
  name: string
  manager: 'exec'
  /** Absolute path. */
  program: string
  args: string[]
  /** What the argument of a reference must be, as a whole; left out: references give none. */
  argument?: string
}

/** How the key ring is wrapped. */
export type RingWrapConfig =
  | { by: 'passphrase'; passphrase: string }
  | { by: 'awsKms'; manager: string; key: string }
  | { by: 'gcpKms'; manager: string; key: string }
  | { by: 'azureKeyVault'; manager: string; key: string }
  | { by: 'vaultTransit'; manager: string; key: string; mount: string }

/** The kind of manager that wraps; a passphrase needs none. */
export const WRAP_MANAGERS = {
  awsKms: 'aws',
  gcpKms: 'gcp',
  azureKeyVault: 'azure',
  vaultTransit: 'vault',
} as const satisfies Partial<Record<RingWrapConfig['by'], ManagerKind>>
