import { z } from 'zod'
import { isLoopbackHost } from '../domain/loopback.ts'
import { line, localReference, name, printable } from './scalar.ts'

const entryName = () => name().describe('Unique. What references call it: `vault:NAME/…`.')

/** Where secrets and tokens are sent: never in clear beyond this machine, and without parts that a path could be mistaken for. */
function address(what: string) {
  return z
    .string()
    .max(500, { error: 'must have at most 500 characters' })
    .refine(isSafeAddress, {
      error: 'must be an https:// URL without user, query or fragment: http:// is for a server on this machine alone',
    })
    .transform((text) => text.replace(/\/+$/, ''))
    .describe(what)
}

function isSafeAddress(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || [url.username, url.password, url.search, url.hash].some((part) => part !== '') || /[?#\s]/.test(text))
    return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, '')))
}

const caFile = () => line().exactOptional().describe('PEM file of the authority to trust in place of the common ones.')

/** A mount of Vault: `secret`, `team/kv`. */
function mount() {
  return z
    .string()
    .regex(/^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/, { error: 'must be a mount path without slashes at its ends' })
}

const vaultAuth = z.discriminatedUnion('method', [
  z.strictObject({
    method: z.literal('token').describe('`token`: a token that somebody else renews, or that can renew itself.'),
    token: localReference().describe('A reference to the token; read anew when it is refused.'),
  }),
  z.strictObject({
    method: z.literal('approle').describe('`approle`: a role id and a secret id.'),
    roleId: printable(200).describe('The role id.'),
    secretId: localReference().describe('A reference to the secret id.'),
    mount: mount().default('approle').describe('Where the method is mounted.'),
  }),
  z.strictObject({
    method: z.literal('kubernetes').describe("`kubernetes`: the pod's service account."),
    role: printable(200).describe('The role.'),
    jwt: localReference()
      .default('file:/var/run/secrets/kubernetes.io/serviceaccount/token')
      .describe("A reference to the service account's token."),
    mount: mount().default('kubernetes').describe('Where the method is mounted.'),
  }),
  z.strictObject({
    method: z.literal('cert').describe('`cert`: a TLS client certificate.'),
    cert: localReference().describe('A reference to the certificate chain, PEM.'),
    key: localReference().describe('A reference to its private key, PEM.'),
    role: printable(200).exactOptional().describe('The certificate role; left out: any that fits.'),
    mount: mount().default('cert').describe('Where the method is mounted.'),
  }),
])

const vault = z.strictObject({
  name: entryName(),
  manager: z.literal('vault').describe('`vault`: HashiCorp Vault or OpenBao.'),
  address: address('Of the cluster: redirects of a standby are not followed.'),
  namespace: printable(200).exactOptional().describe('Namespace of Vault Enterprise, HCP or OpenBao.'),
  caFile: caFile(),
  auth: vaultAuth.describe('How Revenant signs in.'),
  kv: z
    .record(mount(), z.union([z.literal(1), z.literal(2)], { error: 'must be 1 or 2: the version of the engine' }))
    .default({ secret: 2 })
    .describe('The KV engines that references may name: the version of each by its mount.'),
})

const aws = z.strictObject({
  name: entryName(),
  manager: z.literal('aws').describe('`aws`: Secrets Manager, parameters of Systems Manager, KMS.'),
  region: z
    .string()
    .regex(/^[a-z]{2,}(-[a-z0-9]+)+$/, { error: 'must be a region such as eu-west-1' })
    .describe('The region.'),
  endpoint: address("In place of AWS's own, for all three services: a proxy of one's own.").exactOptional(),
  auth: z
    .strictObject({
      accessKeyId: localReference().describe('A reference to the access key id.'),
      secretAccessKey: localReference().describe('A reference to the secret access key.'),
      sessionToken: localReference().exactOptional().describe('A reference to the session token of temporary credentials.'),
    })
    .exactOptional()
    .describe('Left out: the default chain of AWS (environment, web identity, instance role …).'),
})

const gcp = z.strictObject({
  name: entryName(),
  manager: z.literal('gcp').describe('`gcp`: Secret Manager and KMS of Google Cloud.'),
  project: z
    .string()
    .regex(/^(?:[a-z][a-z0-9-]{4,28}[a-z0-9]|[0-9]{6,20})$/, { error: 'must be the id or the number of a project' })
    .describe('The project whose secrets are read.'),
  location: z
    .string()
    .regex(/^[a-z]+-[a-z]+[0-9]+$/, { error: 'must be a region such as europe-west3' })
    .exactOptional()
    .describe('Region of regional secrets; left out: global ones.'),
  credentials: localReference()
    .exactOptional()
    .describe(
      'A reference to a JSON key of a service account. Left out: application default credentials, workload identity federation among them.',
    ),
  endpoint: address("In place of Google's own, for both services: a proxy of one's own.").exactOptional(),
})

const uuid = (what: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9.-]{1,100}$/, { error: 'must be an id or a domain' })
    .describe(what)
const authority = () =>
  address('Of Microsoft Entra; another one in a sovereign cloud.').default('https://login.microsoftonline.com')

const azure = z.strictObject({
  name: entryName(),
  manager: z.literal('azure').describe('`azure`: a key vault of Azure.'),
  address: address('Of the vault: `https://NAME.vault.azure.net`.'),
  auth: z
    .discriminatedUnion('method', [
      z.strictObject({
        method: z.literal('client-secret').describe('`client-secret`: an application and its secret.'),
        tenantId: uuid('The tenant.'),
        clientId: uuid('The application.'),
        clientSecret: localReference().describe('A reference to its secret.'),
        authority: authority(),
      }),
      z.strictObject({
        method: z.literal('workload-identity').describe("`workload-identity`: a token of somebody else's that Entra trusts."),
        tenantId: uuid('The tenant.'),
        clientId: uuid('The application or identity.'),
        token: localReference()
          .default('file:/var/run/secrets/azure/tokens/azure-identity-token')
          .describe('A reference to that token.'),
        authority: authority(),
      }),
      z.strictObject({
        method: z.literal('managed-identity').describe("`managed-identity`: the machine's own, or the app's."),
        clientId: uuid('Of a user-assigned identity; left out: the system-assigned one.').exactOptional(),
      }),
    ])
    .describe('How Revenant signs in.'),
})

const onePassword = z.strictObject({
  name: entryName(),
  manager: z.literal('1password').describe('`1password`: a 1Password Connect server.'),
  address: address('Of the Connect server.'),
  caFile: caFile(),
  token: localReference().describe('A reference to the access token.'),
})

const absolute = (what: string) =>
  z
    .string()
    .max(500)
    .regex(/^(?:\/|[A-Za-z]:[\\/])[^\0\r\n]+$/, { error: 'must be an absolute path' })
    .describe(what)

const kubernetes = z.strictObject({
  name: entryName(),
  manager: z.literal('kubernetes').describe('`kubernetes`: secrets that are mounted as folders.'),
  folder: absolute('The folder that holds them: `FOLDER/SECRET/KEY`.'),
})

const exec = z
  .strictObject({
    name: entryName(),
    manager: z.literal('exec').describe('`exec`: a program that prints a secret.'),
    program: absolute('The program; no shell is asked.'),
    args: z
      .array(
        z
          .string()
          .max(1_000)
          .regex(/^[^\0]*$/, { error: 'must not hold a zero byte' }),
      )
      .max(50, { error: 'must have at most 50 arguments' })
      .default([])
      .describe('Its arguments, as they are. Never a secret: others on the machine see them.'),
    argument: z
      .string()
      .max(500)
      .refine(isPattern, { error: 'must be a regular expression' })
      .exactOptional()
      .describe(
        'What the argument of a reference must be, as a whole: a regular expression. It comes last. Left out: references give none.',
      ),
  })
  .describe('A program.')

function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'u')
    return true
  } catch {
    return false
  }
}

/** One secret manager. */
export const secretManagerSchema = z.discriminatedUnion('manager', [vault, aws, gcp, azure, onePassword, kubernetes, exec])

const wrapManager = () => name().describe('The entry of secretManagers that holds the key.')

/** How the file of the key ring is wrapped. */
export const ringWrapSchema = z.discriminatedUnion('by', [
  z.strictObject({
    by: z.literal('passphrase').describe('`passphrase`: Argon2id and AES-256-GCM.'),
    passphrase: localReference().describe('A reference to a passphrase of at least 15 characters.'),
  }),
  z.strictObject({
    by: z.literal('awsKms').describe('`awsKms`: a symmetric key of AWS KMS.'),
    manager: wrapManager(),
    key: printable(2_048).describe('Key id, ARN, or `alias/NAME`.'),
  }),
  z.strictObject({
    by: z.literal('gcpKms').describe('`gcpKms`: a symmetric key of Google Cloud KMS.'),
    manager: wrapManager(),
    key: z
      .string()
      .regex(/^projects\/[^/\s]+\/locations\/[^/\s]+\/keyRings\/[^/\s]+\/cryptoKeys\/[^/\s]+$/, {
        error: 'must be projects/P/locations/L/keyRings/R/cryptoKeys/K',
      })
      .describe('The full name of the key.'),
  }),
  z.strictObject({
    by: z.literal('azureKeyVault').describe('`azureKeyVault`: an RSA key of a key vault.'),
    manager: wrapManager(),
    key: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,127}$/, { error: 'must be the name of a key' })
      .describe('Name of the key.'),
  }),
  z.strictObject({
    by: z.literal('vaultTransit').describe("`vaultTransit`: a key of Vault's or OpenBao's transit engine."),
    manager: wrapManager(),
    key: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,200}$/, { error: 'must be the name of a key' })
      .describe('Name of the key.'),
    mount: mount().default('transit').describe('Where the engine is mounted.'),
  }),
])

/** The key ring: its file, or the file and how it is wrapped. */
export const keyRingSchema = z.union([
  line().transform((file): KeyRingEntry => ({ file })),
  z.strictObject({
    file: line().default('./data/keyring.json').describe('The file.'),
    wrap: ringWrapSchema
      .exactOptional()
      .describe('What its keys are wrapped with. Left out: with nothing; mode 0600 protects them.'),
    previous: z
      .array(ringWrapSchema)
      .max(5, { error: 'must have at most 5 entries' })
      .exactOptional()
      .describe('What it may still be wrapped with, until `revenant keys rewrap` or `keys unwrap` has run.'),
  }),
])

type Wrap = z.output<typeof ringWrapSchema>
interface KeyRingEntry {
  file: string
  wrap?: Wrap
  previous?: Wrap[]
}
