import { readAws } from './aws.ts'
import { readDockerConfig } from './docker-config.ts'
import { readEnvFile } from './env-file.ts'
import { readGhHosts, readGlabConfig } from './forge-hosts.ts'
import { readGcloud, readGcloudDatabase } from './gcloud.ts'
import { readGitCredentials } from './git-credentials.ts'
import { readKubeconfig } from './kubeconfig.ts'
import { readMyCnf } from './my-cnf.ts'
import { readNetrc } from './netrc.ts'
import { readNpmrc } from './npmrc.ts'
import { readPgpass } from './pgpass.ts'
import { readPypirc } from './pypirc.ts'
import { readSshKey } from './ssh-folder.ts'
import type { ReadStore } from './stored.ts'
import { readTerraformrc, readTfrcJson } from './terraform.ts'

/** A kind of store: where it lies below a home folder, and how it is read. */
export interface Store {
  /** What `--map` calls it. */
  name: string
  path: RegExp
  read: ReadStore
  /** The bytes are no text, and are not looked at. */
  binary?: true
}

/** A vault's token lies alone in its file. */
const readVaultToken: ReadStore = (text) => (text.trim() === '' ? [] : [{ kinds: ['vault'], parts: { token: text.trim() } }])

/** Every store that is read, the first that fits. Paths begin with the name of the folder that was given, and have slashes. */
export const STORES: readonly Store[] = [
  { name: 'netrc', path: /(?:^|\/)[._]netrc$/, read: readNetrc },
  { name: 'npmrc', path: /(?:^|\/)\.npmrc$/, read: readNpmrc },
  { name: 'pypirc', path: /(?:^|\/)\.pypirc$/, read: readPypirc },
  { name: 'git-credentials', path: /(?:^|\/)(?:\.git-credentials|git\/credentials)$/, read: readGitCredentials },
  { name: 'docker', path: /(?:^|\/)(?:\.docker\/config\.json|containers\/auth\.json)$/, read: readDockerConfig },
  { name: 'aws', path: /(?:^|\/)\.aws\/credentials$/, read: readAws },
  { name: 'kubeconfig', path: /(?:^|\/)(?:\.kube\/config|kubeconfig(?:\.ya?ml)?|[^/]+\.kubeconfig)$/, read: readKubeconfig },
  {
    name: 'gcloud',
    path: /(?:^|\/)gcloud\/(?:application_default_credentials\.json|legacy_credentials\/[^/]+\/adc\.json)$/,
    read: readGcloud,
  },
  { name: 'gcloud', path: /(?:^|\/)gcloud\/(?:credentials|access_tokens)\.db$/, read: readGcloudDatabase, binary: true },
  { name: 'env', path: /(?:^|\/)\.env(?:\.(?!example$|sample$|template$|dist$|defaults$)[\w.-]+)?$/, read: readEnvFile },
  { name: 'pgpass', path: /(?:^|\/)(?:\.pgpass|postgresql\/pgpass\.conf)$/, read: readPgpass },
  { name: 'my.cnf', path: /(?:^|\/)\.my\.cnf$/, read: readMyCnf },
  { name: 'terraform', path: /(?:^|\/)\.?terraform\.d\/credentials\.tfrc\.json$/, read: readTfrcJson },
  { name: 'terraform', path: /(?:^|\/)(?:\.terraformrc|terraform\.rc)$/, read: readTerraformrc },
  { name: 'gh', path: /(?:^|\/)(?:gh|GitHub CLI)\/hosts\.yml$/, read: readGhHosts },
  { name: 'glab', path: /(?:^|\/)glab-cli\/config\.yml$/, read: readGlabConfig },
  { name: 'vault-token', path: /(?:^|\/)\.vault-token$/, read: readVaultToken },
  {
    name: 'ssh-key',
    path: /(?:^|\/)\.ssh\/(?!config$|environment$|rc$|(?:known_hosts|authorized_keys)[^/]*$|[^/]+\.pub$)[^/]+$/,
    read: readSshKey,
  },
]

/** Folders that stores lie in. */
const FOLDERS = /(?:^|\/)(?:\.ssh|\.aws|\.docker|\.kube|\.config|gcloud|gh|git|containers|glab-cli|postgresql|\.terraform\.d)$/

export function storeAt(path: string): Store | undefined {
  return STORES.find((store) => store.path.test(path))
}

export function isStoreFolder(path: string): boolean {
  return FOLDERS.test(path)
}
