import type { GetParameterCommandOutput } from '@aws-sdk/client-ssm'
import { errorCode } from '../../domain/error.ts'
import type { AwsConfig } from '../../domain/secret-manager.ts'
import type { ReadReference } from '../local-reference.ts'
import {
  MAX_SECRET_BYTES,
  type ManagedPlace,
  ManagerError,
  type ManagerFault,
  type SecretManager,
  TIMEOUT_MS,
  textOf,
} from './manager.ts'
import { openTurnstile } from './turnstile.ts'

/** AWS by its own SDK, each client loaded when it is first asked. */
export function openAws(config: AwsConfig, readLocal: ReadReference): SecretManager {
  const turn = openTurnstile()
  const closers: (() => void)[] = []
  const ask = <T>(work: (signal: AbortSignal) => Promise<T>) =>
    turn((signal) =>
      work(signal).catch((error: unknown) => {
        throw error instanceof ManagerError ? error : faultOf(error)
      }),
    )
  const once = <T extends { destroy(): void }>(open: () => Promise<T>) => {
    let client: Promise<T> | undefined
    closers.push(() => void client?.then((opened) => opened.destroy()).catch(() => {}))
    return () => (client ??= open())
  }
  const secrets = once(
    async () => new (await import('@aws-sdk/client-secrets-manager')).SecretsManagerClient(settings(config, readLocal)),
  )
  const parameters = once(async () => new (await import('@aws-sdk/client-ssm')).SSMClient(settings(config, readLocal)))
  const kms = once(async () => new (await import('@aws-sdk/client-kms')).KMSClient(settings(config, readLocal)))
  const readSecret = async ({ path, version }: ManagedPlace, abortSignal: AbortSignal) => {
    const { GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager')
    const command = new GetSecretValueCommand({ SecretId: path, ...versionOf(version) })
    const { SecretString, SecretBinary } = await (await secrets()).send(command, { abortSignal })
    return SecretString ?? textOf(SecretBinary ?? Buffer.of())
  }
  const readParameter = async (place: ManagedPlace, abortSignal: AbortSignal) => {
    const { GetParameterCommand } = await import('@aws-sdk/client-ssm')
    const command = new GetParameterCommand({ Name: parameterOf(place), WithDecryption: true })
    const { Parameter }: GetParameterCommandOutput = await (await parameters()).send(command, { abortSignal })
    return Parameter?.Value ?? ''
  }
  return {
    read: async (place) => {
      const text = await ask((signal) => (place.scheme === 'aws-ssm' ? readParameter(place, signal) : readSecret(place, signal)))
      if (Buffer.byteLength(text) > MAX_SECRET_BYTES) throw new ManagerError('unfit', 'holds more than 64 KiB there')
      return text
    },
    keys: {
      wrap: (key, secret) =>
        ask(async (abortSignal) => {
          const { EncryptCommand } = await import('@aws-sdk/client-kms')
          const command = new EncryptCommand({ KeyId: key, Plaintext: secret, EncryptionContext: CONTEXT })
          const { CiphertextBlob = Buffer.of() } = await (await kms()).send(command, { abortSignal })
          return Buffer.from(CiphertextBlob).toString('base64')
        }),
      unwrap: (key, wrapped) =>
        ask(async (abortSignal) => {
          const { DecryptCommand } = await import('@aws-sdk/client-kms')
          const blob = Buffer.from(wrapped, 'base64')
          const command = new DecryptCommand({ KeyId: key, CiphertextBlob: blob, EncryptionContext: CONTEXT })
          const { Plaintext = Buffer.of() } = await (await kms()).send(command, { abortSignal })
          return Buffer.from(Plaintext)
        }),
    },
    close: async () => {
      for (const close of closers) close()
    },
  }
}

/** Authenticated with what is encrypted, and seen in CloudTrail. */
const CONTEXT = { 'revenant:purpose': 'key-ring' }

function settings({ region, endpoint, auth }: AwsConfig, read: ReadReference) {
  return {
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    // The turnstile has the time; one more try covers a connection that was closed while idle.
    maxAttempts: 2,
    requestHandler: { connectionTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS },
    ...(auth === undefined ? {} : { credentials: () => credentialsOf(auth, read) }),
  }
}

/** Read again after a while: keys are rotated. */
const CREDENTIALS_MS = 300_000

async function credentialsOf(auth: NonNullable<AwsConfig['auth']>, read: ReadReference) {
  const { accessKeyId, secretAccessKey, sessionToken } = auth
  return {
    accessKeyId: await read(accessKeyId),
    secretAccessKey: await read(secretAccessKey),
    ...(sessionToken === undefined ? {} : { sessionToken: await read(sessionToken) }),
    expiration: new Date(Date.now() + CREDENTIALS_MS),
  }
}

/** Ids of versions are UUIDs; anything else names a stage, such as AWSPREVIOUS. */
function versionOf(version: string | undefined): { VersionId?: string; VersionStage?: string } {
  if (version === undefined) return {}
  return /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(version)
    ? { VersionId: version }
    : { VersionStage: version }
}

/** A parameter of a hierarchy begins with a slash, which the reference has as the end of the manager's name. */
function parameterOf({ path, version }: ManagedPlace): string {
  const name = path.includes('/') && !path.startsWith('arn:') ? `/${path}` : path
  return version === undefined ? name : `${name}:${version}`
}

/** What the names of the SDK's errors mean; their statuses do not tell: most are 400. */
const FAULTS: Readonly<Record<string, ManagerFault>> = {
  ResourceNotFoundException: 'missing',
  ParameterNotFound: 'missing',
  ParameterVersionNotFound: 'missing',
  NotFoundException: 'missing',
  ThrottlingException: 'unreachable',
  TooManyUpdates: 'unreachable',
  RequestLimitExceeded: 'unreachable',
  KMSInternalException: 'unreachable',
  DependencyTimeoutException: 'unreachable',
  InternalServiceError: 'unreachable',
  InternalServerError: 'unreachable',
  KeyUnavailableException: 'unreachable',
}

/** By name and status. The message is not used: it may name what was asked for, and is anybody's text. */
function faultOf(error: unknown): ManagerError {
  const name = error instanceof Error && /^[A-Za-z]{1,80}$/.test(error.name) ? error.name : 'Error'
  const status = statusOf(error)
  const fault = FAULTS[name]
  if (status !== undefined) {
    const kind = fault ?? (status === 429 || status >= 500 ? 'unreachable' : 'refused')
    return new ManagerError(kind, `answered ${status} ${name}`)
  }
  if (name === 'CredentialsProviderError') return new ManagerError('refused', 'was not asked: no AWS credentials were found')
  const code = errorCode(error)
  return new ManagerError(
    'unreachable',
    `could not be asked (${code !== undefined && /^[A-Z_0-9]{1,60}$/.test(code) ? code : name})`,
  )
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const { $metadata: metadata } = error
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}
